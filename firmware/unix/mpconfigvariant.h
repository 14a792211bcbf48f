// What has this MicroPython that others of the unix port have not? See mpconfigvariant.mk.

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_SSL_MBEDTLS (1)
#define MICROPY_PY_SYS_SETTRACE (1)

#include "ports/unix/variants/mpconfigvariant_common.h"
