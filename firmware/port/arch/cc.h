// What does lwIP ask of compiler and C library?
#pragma once
#include <stdlib.h>

#define LWIP_NO_CTYPE_H 1
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) abort()
