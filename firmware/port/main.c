// In which order does the board come up?  _boot.py (frozen) mounts the flash; then boot.py, main.py, the prompt.
// docs/reference/reset_boot.rst.
#include <stdlib.h>
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "extmod/modnetwork.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"
#include "clock.h"
#include "network.h"
#include "reset.h"
#include "semihosting.h"
#include "tls_memory.h"
#include "uart.h"

#define STACK_LIMIT (16 * 1024) // of what MicroPython checks: an ESP32's

extern char _heap_start[], _heap_end[], _estack[]; // mps2.ld

// Returns an argument of QEMU's, as MicroPython writes sizes: 110k, 1m.
static uint32_t number(const char *key, uint32_t otherwise) {
    char text[16];
    if (!host_argument(key, text, sizeof(text))) {
        return otherwise;
    }
    char *end = text;
    uint32_t value = 0;
    for (; *end >= '0' && *end <= '9'; end++) {
        value = value * 10 + *end - '0';
    }
    uint32_t unit = *end == 'k' || *end == 'K' ? 1024 : *end == 'm' || *end == 'M' ? 1024 * 1024 : 1;
    return value * unit;
}

static size_t heap_size(void) {
    size_t most = _heap_end - _heap_start;
    size_t size = number(" heap=", 110 * 1024);
    if (size < 8 * 1024 || size > most) {
        mp_printf(&mp_plat_print, "heap=: must be 8k to %uk\n", most / 1024);
        host_fail();
    }
    return size;
}

static void run(void) {
    pyexec_frozen_module("_boot.py", false);
    int result = pyexec_file_if_exists("boot.py"); // 1: no exception
    if (result == 1 && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        result = pyexec_file_if_exists("main.py");
    }
    if (result & PYEXEC_FORCED_EXIT) {
        return;
    }
    while ((pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl()) == 0) {
    }
}

int main(void) {
    uart_start(0, 115200);
    if (reset_began()) {
        retained.clock_us = (int64_t)number(" clock=", 0) * 1000000;
    }
    clock_start();
    size_t size = heap_size();
    #if MICROPY_PY_LWIP
    network_start();
    #endif
    for (;;) {
        mp_cstack_init_with_top(_estack, STACK_LIMIT);
        gc_init(_heap_start, _heap_start + size);
        mp_init();
        readline_init0();
        #if MICROPY_PY_LWIP
        mod_network_init();
        #endif
        #if MICROPY_PY_SSL
        tls_memory_start();
        #endif
        run();
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        gc_sweep_all(); // closes sockets
        mp_deinit();
        uart_stop(1);
        reset_cause = SOFT_RESET;
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *val) {
    mp_printf(&mp_plat_print, "uncaught exception\n");
    abort();
}
