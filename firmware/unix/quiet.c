// How is Mbed TLS kept from printing all that it does? MicroPython asks for it (level 3) where the
// library can; Debian's can.

void __wrap_mbedtls_debug_set_threshold(int level) {
    (void)level;
}
