// Why did the board start, how does it start anew, and what outlives that?
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Numbers as on an ESP32.
enum { PWRON_RESET = 1, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET };

// The last page of RAM, which no program loads and only power-on clears.
typedef struct {
    uint32_t magic;
    uint32_t reset_cause;
    int64_t clock_us; // what the clock shows, since 2000
    uint32_t memory_size;
    uint8_t memory[2048]; // machine.RTC().memory(), as large as an ESP32's
} retained_t;
extern retained_t retained;

extern uint32_t reset_cause; // of this start

bool reset_began(void); // Returns whether power has just come.
_Noreturn void reset_board(uint32_t cause);
