// How do frames pass the Ethernet controller?
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES 1514 // the longest, without its check sequence

void lan9118_start(void);
void lan9118_address(uint8_t address[6]);
void lan9118_send(const uint32_t *frame, size_t size);
size_t lan9118_receive(uint32_t frame[(FRAME_BYTES + 3) / 4]); // its size; 0: none is there
