// What does machine offer beside UART and WDT?  Resets, sleep, the board's number.  Included by extmod/modmachine.c.
#include "mps2.h"
#include "clock.h"
#include "lan9118.h"
#include "reset.h"
#include "watchdog.h"

extern const mp_obj_type_t machine_rtc_type;
#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(PWRON_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(HARD_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(WDT_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_DEEPSLEEP_RESET), MP_ROM_INT(DEEPSLEEP_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(SOFT_RESET) },

static void mp_machine_idle(void) {
    mp_event_wait_ms(1);
}

NORETURN static void mp_machine_reset(void) {
    reset_board(HARD_RESET);
}

static mp_int_t mp_machine_reset_cause(void) {
    return reset_cause;
}

static mp_obj_t mp_machine_unique_id(void) {
    uint8_t address[6];
    lan9118_address(address);
    return mp_obj_new_bytes(address, sizeof(address));
}

static mp_obj_t mp_machine_get_freq(void) {
    return MP_OBJ_NEW_SMALL_INT(SYSCLK_HZ);
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    mp_raise_ValueError(MP_ERROR_TEXT("frequency is fixed"));
}

static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    mp_hal_delay_ms(n_args == 0 ? 1 : mp_obj_get_int(args[0]));
}

// 0, and no argument: without end, as on an ESP32.
NORETURN static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    mp_int_t ms = n_args == 0 ? 0 : mp_obj_get_int(args[0]);
    uint64_t end = ms > 0 ? clock_uptime_us() + (uint64_t)ms * 1000 : UINT64_MAX;
    watchdog_stop();
    NVIC_ICER = UINT32_MAX; // nobody listens; SysTick, which is none of the NVIC's, goes on
    while (clock_uptime_us() < end) {
        wait_for_interrupt();
    }
    reset_board(DEEPSLEEP_RESET);
}
