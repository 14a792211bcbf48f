// What is machine.RTC?  The clock, in UTC, and memory; both outlive every reset but power-on.
// docs/library/machine.RTC.rst.
#include <string.h>
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"
#include "clock.h"
#include "reset.h"

static const mp_obj_base_t rtc;

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&rtc);
}

// datetime([(year, month, day, weekday, hours, minutes, seconds, microseconds)]); the weekday is not read
static mp_obj_t rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        int64_t us = clock_us();
        timeutils_struct_time_t tm;
        timeutils_seconds_since_2000_to_struct_time(us / 1000000, &tm);
        mp_obj_t fields[8] = {
            mp_obj_new_int(tm.tm_year), mp_obj_new_int(tm.tm_mon), mp_obj_new_int(tm.tm_mday), mp_obj_new_int(tm.tm_wday),
            mp_obj_new_int(tm.tm_hour), mp_obj_new_int(tm.tm_min), mp_obj_new_int(tm.tm_sec), mp_obj_new_int(us % 1000000),
        };
        return mp_obj_new_tuple(8, fields);
    }
    mp_obj_t *fields;
    mp_obj_get_array_fixed_n(args[1], 8, &fields);
    mp_int_t n[8];
    for (int i = 0; i < 8; i++) {
        n[i] = mp_obj_get_int(fields[i]);
    }
    clock_set_us((int64_t)timeutils_seconds_since_2000(n[0], n[1], n[2], n[4], n[5], n[6]) * 1000000 + n[7]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static mp_obj_t rtc_memory(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return mp_obj_new_bytes(retained.memory, retained.memory_size);
    }
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_READ);
    if (buffer.len > sizeof(retained.memory)) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer too long"));
    }
    memcpy(retained.memory, buffer.buf, buffer.len);
    retained.memory_size = buffer.len;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_memory_obj, 1, 2, rtc_memory);

static const mp_rom_map_elem_t rtc_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj) },
    { MP_ROM_QSTR(MP_QSTR_memory), MP_ROM_PTR(&rtc_memory_obj) },
};
static MP_DEFINE_CONST_DICT(rtc_dict, rtc_table);
MP_DEFINE_CONST_OBJ_TYPE(machine_rtc_type, MP_QSTR_RTC, MP_TYPE_FLAG_NONE, make_new, rtc_make_new, locals_dict, &rtc_dict);

static const mp_obj_base_t rtc = {&machine_rtc_type};
