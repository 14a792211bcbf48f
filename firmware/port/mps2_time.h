// What do time.time() and time.localtime() say?  UTC; whole seconds, since 2000.  Included by extmod/modtime.c.
#include "shared/timeutils/timeutils.h"
#include "clock.h"

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ull(clock_us() / 1000000);
}

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(clock_us() / 1000000, &tm);
    mp_obj_t fields[8] = {
        mp_obj_new_int(tm.tm_year), mp_obj_new_int(tm.tm_mon), mp_obj_new_int(tm.tm_mday), mp_obj_new_int(tm.tm_hour),
        mp_obj_new_int(tm.tm_min), mp_obj_new_int(tm.tm_sec), mp_obj_new_int(tm.tm_wday), mp_obj_new_int(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, fields);
}
