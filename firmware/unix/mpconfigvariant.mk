# How is MicroPython's unix port built as the fourth interpreter of the portable suite? With single
# floats, hence with the integer time of a microcontroller, and telling which lines run (lines.c).

FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
STRIP =

# Mbed TLS is Debian's library, as for the other interpreters: MicroPython's own reads no PEM.
MICROPY_SSL_MBEDTLS = 0
LDFLAGS_EXTRA = -static -lmbedtls -lmbedx509 -lmbedcrypto
LDFLAGS_EXTRA += -Wl,--wrap=mbedtls_debug_set_threshold

LDFLAGS_EXTRA += -Wl,--wrap=mp_prof_frame_enter,--wrap=mp_prof_frame_update
LDFLAGS_EXTRA += -Wl,--wrap=mp_prof_instr_tick,--wrap=mp_prof_extract_prelude
CFLAGS_EXTRA = -Wno-error
