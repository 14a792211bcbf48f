// Which devices of the board does the port use, and where are they?
// Arm's MPS2 with the Cortex-M3 of Application Note AN385 (DAI 0385): its memory map, interrupts and FPGA system control; UART
// and watchdog are the APB UART and APB watchdog of the Cortex-M System Design Kit (DDI 0479); the rest is ARMv7-M's (DDI 0403).
#pragma once
#include <stdint.h>

#define SYSCLK_HZ 25000000u

typedef struct {
    volatile uint32_t data, state, ctrl, intstatus, bauddiv;
} cmsdk_uart_t;
#define CMSDK_UART(n) ((cmsdk_uart_t *)(0x40004000 + 0x1000 * (n)))
#define UART_STATE_TX_FULL (1u << 0)
#define UART_STATE_RX_FULL (1u << 1)
#define UART_CTRL_TX_ENABLE (1u << 0)
#define UART_CTRL_RX_ENABLE (1u << 1)
#define UART_CTRL_RX_INTERRUPT (1u << 3)
#define UART_INTERRUPT_RX (1u << 1)

typedef struct {
    volatile uint32_t load, value, control, intclr, ris, mis;
    uint32_t reserved[(0xc00 - 0x18) / 4];
    volatile uint32_t lock;
} cmsdk_watchdog_t;
#define CMSDK_WATCHDOG ((cmsdk_watchdog_t *)0x40008000)
#define WATCHDOG_CONTROL_INTERRUPT (1u << 0)
#define WATCHDOG_CONTROL_RESET (1u << 1)
#define WATCHDOG_UNLOCK 0x1acce551u

typedef struct {
    volatile uint32_t led, reserved, button, reserved1, clk1hz, clk100hz, counter, prescale;
} fpgaio_t;
#define FPGAIO ((fpgaio_t *)0x40028000) // counter: a step each prescale + 1 clocks

#define LAN9118_BASE 0x40200000

typedef struct {
    volatile uint32_t control, reload, value;
} systick_t;
#define SYSTICK ((systick_t *)0xe000e010)
#define SYSTICK_CONTROL_RUN 7u // enable, interrupt, by the processor's clock

#define NVIC_ISER (*(volatile uint32_t *)0xe000e100)
#define NVIC_ICER (*(volatile uint32_t *)0xe000e180)
#define IRQ_UART_RX(n) (2 * (n)) // of UART 0 and 1

#define SCB_AIRCR (*(volatile uint32_t *)0xe000ed0c)
#define AIRCR_SYSRESETREQ 0x05fa0004u
#define SCB_CFSR (*(volatile uint32_t *)0xe000ed28)
#define SCB_BFAR (*(volatile uint32_t *)0xe000ed38)

static inline void wait_for_interrupt(void) {
    __asm volatile ("wfi" ::: "memory");
}
