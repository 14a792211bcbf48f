// Why did the board start, and how does it start anew?
// ARMv7-M Architecture Reference Manual (DDI 0403), B3.2.6.
#include <string.h>
#include "mps2.h"
#include "reset.h"

#define MAGIC 0x5167e700u // what no power-on leaves there

uint32_t reset_cause;

bool reset_began(void) {
    bool power_on = retained.magic != MAGIC;
    if (power_on) {
        memset(&retained, 0, sizeof(retained));
        retained.magic = MAGIC;
        retained.reset_cause = PWRON_RESET;
    }
    reset_cause = retained.reset_cause;
    if (reset_cause == PWRON_RESET) {
        retained.memory_size = 0;
    }
    retained.reset_cause = PWRON_RESET; // what the reset button is to an ESP32
    return power_on;
}

void reset_board(uint32_t cause) {
    retained.reset_cause = cause;
    SCB_AIRCR = AIRCR_SYSRESETREQ;
    for (;;) {
    }
}
