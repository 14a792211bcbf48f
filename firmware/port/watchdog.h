// Does the program still run?
#pragma once
#include <stdint.h>

void watchdog_start(uint32_t timeout_ms);
void watchdog_feed(void);
void watchdog_stop(void);
void watchdog_expired(void);
