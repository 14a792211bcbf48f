// How do bytes pass the two serial lines?  0 is the prompt's, 1 is machine.UART(1).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "py/ringbuf.h"

#define UARTS 2
#define UART_RING_BYTES 4096

extern ringbuf_t uart_ring[UARTS]; // received
extern uint32_t uart_lost[UARTS]; // bytes for which there was no room

void uart_start(int n, uint32_t baudrate);
void uart_stop(int n);
void uart_received(int n);
bool uart_write(int n, const void *data, size_t size); // false: the line is stopped
