// What time is it?  The FPGA's counter counts microseconds; SysTick wakes who waits, each millisecond.
// AN385, FPGA system control and I/O; ARMv7-M Architecture Reference Manual (DDI 0403), B3.3.
#include "py/mphal.h"
#include "py/runtime.h"
#include "clock.h"
#include "mps2.h"
#include "network.h"
#include "reset.h"

static uint32_t counter_high, counter_last;
static int64_t offset_us; // what the clock shows beyond the uptime

void clock_start(void) {
    FPGAIO->prescale = SYSCLK_HZ / 1000000 - 1;
    counter_last = FPGAIO->counter;
    clock_set_us(retained.clock_us);
    SYSTICK->reload = SYSCLK_HZ / 1000 - 1;
    SYSTICK->value = 0;
    SYSTICK->control = SYSTICK_CONTROL_RUN;
}

uint64_t clock_uptime_us(void) {
    mp_uint_t state = disable_irq();
    uint32_t now = FPGAIO->counter;
    counter_high += now < counter_last;
    counter_last = now;
    uint64_t us = (uint64_t)counter_high << 32 | now;
    enable_irq(state);
    return us;
}

int64_t clock_us(void) {
    return (int64_t)clock_uptime_us() + offset_us;
}

void clock_set_us(int64_t us) {
    offset_us = us - (int64_t)clock_uptime_us();
    retained.clock_us = us;
}

void clock_tick(void) {
    retained.clock_us = clock_us();
    #if MICROPY_PY_LWIP
    network_tick();
    #endif
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)clock_uptime_us();
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(clock_uptime_us() / 1000);
}

uint64_t mp_hal_time_ns(void) {
    return (uint64_t)clock_us() * 1000;
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = clock_uptime_us() + us;
    while (clock_uptime_us() < end) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = clock_uptime_us() + (uint64_t)ms * 1000;
    mp_event_handle_nowait();
    while (clock_uptime_us() < end) {
        mp_event_wait_ms(1);
    }
}
