// How much memory has Mbed TLS?
#pragma once
#include <stddef.h>

void tls_memory_start(void);
void tls_memory_get(size_t *held, size_t *most); // bytes now, and the most since the last call
