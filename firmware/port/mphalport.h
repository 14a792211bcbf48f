// How are interrupts held off, and how does the processor wait?
#pragma once
#include <stdint.h>
#include "shared/runtime/interrupt_char.h"
#include "mps2.h"

static inline mp_uint_t disable_irq(void) {
    mp_uint_t state;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (state) :: "memory");
    return state;
}

static inline void enable_irq(mp_uint_t state) {
    __asm volatile ("msr primask, %0" :: "r" (state) : "memory");
}

#define MICROPY_BEGIN_ATOMIC_SECTION() disable_irq()
#define MICROPY_END_ATOMIC_SECTION(state) enable_irq(state)
#define MICROPY_INTERNAL_WFE(timeout_ms) wait_for_interrupt() // SysTick comes each millisecond
#define mp_hal_ticks_cpu mp_hal_ticks_us
