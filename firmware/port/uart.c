// How do bytes pass the two serial lines?  They come by interrupt into a ring; they go at once.
// Cortex-M System Design Kit (DDI 0479), APB UART.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "mps2.h"
#include "uart.h"

static uint8_t room[UARTS][UART_RING_BYTES];
ringbuf_t uart_ring[UARTS] = {{room[0], UART_RING_BYTES}, {room[1], UART_RING_BYTES}};
uint32_t uart_lost[UARTS];

void uart_start(int n, uint32_t baudrate) {
    cmsdk_uart_t *uart = CMSDK_UART(n);
    uart_stop(n);
    uart->bauddiv = SYSCLK_HZ / baudrate;
    uart->ctrl = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE | UART_CTRL_RX_INTERRUPT;
    (void)uart->data; // QEMU hands nothing over before the first read
    NVIC_ISER = 1u << IRQ_UART_RX(n);
}

void uart_stop(int n) {
    NVIC_ICER = 1u << IRQ_UART_RX(n);
    CMSDK_UART(n)->ctrl = 0;
    uart_ring[n].iget = uart_ring[n].iput = 0;
    uart_lost[n] = 0;
}

void uart_received(int n) {
    cmsdk_uart_t *uart = CMSDK_UART(n);
    uart->intstatus = UART_INTERRUPT_RX;
    while (uart->state & UART_STATE_RX_FULL) {
        int c = uart->data & 0xff;
        if (n == 0 && c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else if (ringbuf_put(&uart_ring[n], c) < 0) {
            uart_lost[n]++;
        }
    }
}

bool uart_write(int n, const void *data, size_t size) {
    cmsdk_uart_t *uart = CMSDK_UART(n);
    if (!(uart->ctrl & UART_CTRL_TX_ENABLE)) { // what is written then stays there
        return false;
    }
    for (const uint8_t *c = data; size > 0; size--) {
        while (uart->state & UART_STATE_TX_FULL) {
            wait_for_interrupt();
        }
        uart->data = *c++;
    }
    return true;
}

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ready = MP_STREAM_POLL_WR | (ringbuf_avail(&uart_ring[0]) ? MP_STREAM_POLL_RD : 0);
    return ready & poll_flags;
}

int mp_hal_stdin_rx_chr(void) {
    int c;
    while ((c = ringbuf_get(&uart_ring[0])) < 0) {
        mp_event_wait_indefinite();
    }
    return c;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    uart_write(0, str, len);
    return len;
}
