// What runs before main, and when something goes wrong?  Vectors, reset, faults.
// ARMv7-M Architecture Reference Manual (DDI 0403), B1.5.
#include <stdlib.h>
#include <string.h>
#include "py/mphal.h"
#include "clock.h"
#include "mps2.h"
#include "semihosting.h"
#include "uart.h"
#include "watchdog.h"

extern uint32_t _estack, _sidata, _sdata, _edata, _sbss, _ebss;
int main(void);

__attribute__((naked)) void reset_handler(void) {
    __asm volatile ("ldr r0, =_estack\n mov sp, r0\n b start");
}

__attribute__((used)) static void start(void) {
    memcpy(&_sdata, &_sidata, (char *)&_edata - (char *)&_sdata);
    memset(&_sbss, 0, (char *)&_ebss - (char *)&_sbss);
    main();
}

static void print_hex(const char *name, uint32_t value) {
    char digits[8];
    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    }
    uart_write(0, name, strlen(name));
    uart_write(0, digits, sizeof(digits));
}

// frame: what the processor has stacked, r0 to r3, r12, lr, pc, xPSR
__attribute__((used)) static void report_fault(uint32_t *frame) {
    print_hex("\r\nfault: pc ", frame[6]);
    print_hex(" lr ", frame[5]);
    print_hex(" cfsr ", SCB_CFSR);
    print_hex(" bfar ", SCB_BFAR);
    uart_write(0, "\r\n", 2);
    host_fail();
}

__attribute__((naked)) static void fault(void) {
    __asm volatile ("mov r0, sp\n b report_fault");
}

static void uart0_received(void) {
    uart_received(0);
}

static void uart1_received(void) {
    uart_received(1);
}

__attribute__((section(".isr_vector"), used)) static void *const vectors[16 + 3] = {
    &_estack, reset_handler,
    watchdog_expired, // NMI
    fault, fault, fault, fault, // HardFault, MemManage, BusFault, UsageFault
    0, 0, 0, 0,
    fault, fault, 0, fault, // SVCall, DebugMonitor, PendSV
    clock_tick, // SysTick
    uart0_received, fault, uart1_received,
};

void abort(void) {
    static const char text[] = "\r\nabort\r\n";
    uart_write(0, text, sizeof(text) - 1);
    host_fail();
}

// Mbed TLS, where its memory is corrupt.
void exit(int status) {
    abort();
}
