// Where do Mbed TLS's memory, time and randomness come from?  An arena beside the heap, as on an ESP32.
#include "py/mphal.h"
#include "clock.h"
#include "semihosting.h"
#include "tls_memory.h"
#include "shared/timeutils/timeutils.h"
#include "mbedtls/build_info.h"
#include "mbedtls/memory_buffer_alloc.h"
#include "mbedtls/platform.h"
#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"

#define ARENA_BYTES (128 * 1024)
#define UNIX_2000 946684800 // 2000-01-01, Unix time

static unsigned char arena[ARENA_BYTES] __attribute__((aligned(8)));

void tls_memory_start(void) {
    mbedtls_memory_buffer_alloc_init(arena, sizeof(arena));
}

void tls_memory_get(size_t *held, size_t *most) {
    size_t blocks;
    mbedtls_memory_buffer_alloc_cur_get(held, &blocks);
    mbedtls_memory_buffer_alloc_max_get(most, &blocks);
    *most = *most > *held ? *most : *held;
    mbedtls_memory_buffer_alloc_max_reset();
}

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t size, size_t *written) {
    host_random(output, size);
    *written = size;
    return 0;
}

time_t tls_unix_time(time_t *out) {
    time_t now = clock_us() / 1000000 + UNIX_2000;
    if (out != NULL) {
        *out = now;
    }
    return now;
}

mbedtls_ms_time_t mbedtls_ms_time(void) {
    return clock_uptime_us() / 1000;
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *unix_time, struct tm *out) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_2000_to_struct_time(*unix_time - UNIX_2000, &tm);
    *out = (struct tm) {
        .tm_year = tm.tm_year - 1900, .tm_mon = tm.tm_mon - 1, .tm_mday = tm.tm_mday,
        .tm_hour = tm.tm_hour, .tm_min = tm.tm_min, .tm_sec = tm.tm_sec,
    };
    return out;
}
