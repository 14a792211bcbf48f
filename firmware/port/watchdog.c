// Does the program still run?  Where it does not feed the watchdog in time, that resets the board.
// Cortex-M System Design Kit (DDI 0479), APB watchdog: the first zero is an NMI; the second, were that stuck, a reset.
#include "mps2.h"
#include "reset.h"
#include "watchdog.h"

void watchdog_start(uint32_t timeout_ms) {
    CMSDK_WATCHDOG->lock = WATCHDOG_UNLOCK;
    CMSDK_WATCHDOG->load = SYSCLK_HZ / 1000 * timeout_ms;
    CMSDK_WATCHDOG->control = WATCHDOG_CONTROL_INTERRUPT | WATCHDOG_CONTROL_RESET;
}

void watchdog_feed(void) {
    CMSDK_WATCHDOG->intclr = 1; // counts from `load` again
}

void watchdog_stop(void) {
    CMSDK_WATCHDOG->lock = WATCHDOG_UNLOCK;
    CMSDK_WATCHDOG->control = 0;
}

void watchdog_expired(void) {
    reset_board(WDT_RESET);
}
