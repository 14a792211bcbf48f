// Which lwIP is this?  That of MicroPython's own ports, IPv4 only.
#pragma once
#include "semihosting.h"

#define LWIP_RAND() host_random_word()
// 127.0.0.0/8 goes to the gateway, too: there is QEMU, and its host's loopback, which is where `signet twin` listens.
#define LWIP_HOOK_IP4_ROUTE(destination) (ip4_addr_isany(netif_ip4_addr(netif_default)) ? NULL : netif_default)
#include "extmod/lwip-include/lwipopts_common.h"
