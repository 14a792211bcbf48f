// How does lwIP come by the Ethernet controller?
#pragma once

void network_start(void);
void network_tick(void);
