// What is machine.WDT?  Included by extmod/machine_wdt.c.
#include "mps2.h"
#include "watchdog.h"

typedef struct _machine_wdt_obj_t {
    mp_obj_base_t base;
} machine_wdt_obj_t;

static machine_wdt_obj_t wdt = {{&machine_wdt_type}};

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("WDT(%d) does not exist"), id);
    }
    if (timeout_ms <= 0 || timeout_ms > UINT32_MAX / (SYSCLK_HZ / 1000)) {
        mp_raise_ValueError(MP_ERROR_TEXT("timeout must be 1 to 171798 ms"));
    }
    watchdog_start(timeout_ms);
    return &wdt;
}

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    watchdog_feed();
}
