// What is machine.UART?  Line 1, where a modem is; tx, rx and rxbuf are taken, and change nothing.
// Included by extmod/machine_uart.c; docs/library/machine.UART.rst.
#include "py/mperrno.h"
#include "py/mphal.h"
#include "uart.h"

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS

typedef struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uint8_t id;
    uint32_t baudrate, timeout_ms;
} machine_uart_obj_t;

static machine_uart_obj_t uart_1 = {{&machine_uart_type}, 1};

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, timeout=%u, lost=%u)", self->id, self->baudrate, self->timeout_ms, uart_lost[self->id]);
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_baudrate, ARG_timeout, ARG_rxbuf };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, {.u_int = 115200} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_tx, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_rx, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);
    if (args[ARG_baudrate].u_int <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid baudrate"));
    }
    if (args[ARG_rxbuf].u_int >= UART_RING_BYTES) {
        mp_raise_ValueError(MP_ERROR_TEXT("rxbuf too large"));
    }
    self->baudrate = args[ARG_baudrate].u_int;
    self->timeout_ms = args[ARG_timeout].u_int;
    uart_start(self->id, self->baudrate);
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    if (id != uart_1.id) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("UART(%d) does not exist"), id);
    }
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    mp_machine_uart_init_helper(&uart_1, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(&uart_1);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    uart_stop(self->id);
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return ringbuf_avail(&uart_ring[self->id]);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return true;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buf_in, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *out = buf_in;
    mp_uint_t got = 0;
    mp_uint_t start = mp_hal_ticks_ms();
    while (got < size) {
        int c = ringbuf_get(&uart_ring[self->id]);
        if (c >= 0) {
            out[got++] = c;
        } else if (mp_hal_ticks_ms() - start >= self->timeout_ms) {
            break;
        } else {
            mp_event_wait_ms(1);
        }
    }
    if (got == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return got;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buf_in, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!uart_write(self->id, buf_in, size)) {
        *errcode = MP_ENODEV;
        return MP_STREAM_ERROR;
    }
    return size;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        return arg & (MP_STREAM_POLL_WR | (mp_machine_uart_any(self) ? MP_STREAM_POLL_RD : 0));
    }
    if (request == MP_STREAM_FLUSH) {
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}
