// What does the host of QEMU give?  Files, arguments, randomness.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool host_argument(const char *key, char *value, size_t size); // key: as " heap=", for the first argument is a name
int host_open(const char *path); // to read and to write; -1 where that cannot be
uint32_t host_size(int file);
bool host_read(int file, uint32_t at, void *buffer, size_t size);
bool host_write(int file, uint32_t at, const void *buffer, size_t size);
void host_random(void *buffer, size_t size);
uint32_t host_random_word(void);
_Noreturn void host_fail(void); // Ends QEMU, with status 1.
