// What time is it?
#pragma once
#include <stdint.h>

void clock_start(void);
void clock_tick(void);
uint64_t clock_uptime_us(void);
int64_t clock_us(void); // since 2000
void clock_set_us(int64_t us);
