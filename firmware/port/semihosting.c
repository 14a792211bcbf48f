// What does the host of QEMU give?  Files, arguments, randomness.
// Arm, Semihosting for AArch32 and AArch64: the operations, by BKPT 0xAB.
#include <string.h>
#include "semihosting.h"

enum {
    SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_SEEK = 0x0a, SYS_FLEN = 0x0c, SYS_GET_CMDLINE = 0x15, SYS_EXIT = 0x18,
};
#define OPEN_RB 1
#define OPEN_RW 3 // r+b
#define STOPPED_RUN_TIME_ERROR 0x20023

static uint32_t call(uint32_t operation, uintptr_t parameter) {
    register uint32_t r0 __asm__ ("r0") = operation;
    register uintptr_t r1 __asm__ ("r1") = parameter;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

static uint32_t call3(uint32_t operation, uint32_t a, uint32_t b, uint32_t c) {
    const uint32_t block[] = {a, b, c};
    return call(operation, (uintptr_t)block);
}

bool host_argument(const char *key, char *value, size_t size) {
    char line[1024];
    const uint32_t block[] = {(uint32_t)line, sizeof(line)};
    const char *found = call(SYS_GET_CMDLINE, (uintptr_t)block) == 0 ? strstr(line, key) : NULL;
    if (found == NULL) {
        return false;
    }
    found += strlen(key);
    size_t i = 0;
    for (; i < size - 1 && found[i] != ' ' && found[i] != 0; i++) {
        value[i] = found[i];
    }
    value[i] = 0;
    return true;
}

int host_open(const char *path) {
    return call3(SYS_OPEN, (uint32_t)path, OPEN_RW, strlen(path));
}

uint32_t host_size(int file) {
    return call3(SYS_FLEN, file, 0, 0);
}

static bool transfer(uint32_t operation, int file, uint32_t at, const void *buffer, size_t size) {
    return call3(SYS_SEEK, file, at, 0) == 0 && call3(operation, file, (uint32_t)buffer, size) == 0;
}

bool host_read(int file, uint32_t at, void *buffer, size_t size) {
    return transfer(SYS_READ, file, at, buffer, size);
}

bool host_write(int file, uint32_t at, const void *buffer, size_t size) {
    return transfer(SYS_WRITE, file, at, buffer, size);
}

void host_random(void *buffer, size_t size) {
    static const char path[] = "/dev/urandom";
    static int file = -1;
    if (file < 0) {
        file = call3(SYS_OPEN, (uint32_t)path, OPEN_RB, sizeof(path) - 1);
    }
    if (call3(SYS_READ, file, (uint32_t)buffer, size) != 0) {
        host_fail(); // no key may be made without
    }
}

uint32_t host_random_word(void) {
    uint32_t word;
    host_random(&word, sizeof(word));
    return word;
}

void host_fail(void) {
    call(SYS_EXIT, STOPPED_RUN_TIME_ERROR);
    for (;;) {
    }
}
