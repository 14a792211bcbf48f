// How do frames pass the Ethernet controller?  SMSC LAN9118 data sheet, sections 3.12, 3.13 and 5.
#include "lan9118.h"
#include "mps2.h"

#define REGISTER(offset) (*(volatile uint32_t *)(LAN9118_BASE + (offset)))
#define RX_DATA_FIFO REGISTER(0x00)
#define TX_DATA_FIFO REGISTER(0x20)
#define RX_STATUS_FIFO REGISTER(0x40)
#define TX_STATUS_FIFO REGISTER(0x48)
#define TX_CFG REGISTER(0x70)
#define HW_CFG REGISTER(0x74)
#define RX_FIFO_INF REGISTER(0x7c)
#define MAC_CSR_CMD REGISTER(0xa4)
#define MAC_CSR_DATA REGISTER(0xa8)

#define TX_CFG_TX_ON (1u << 1)
#define HW_CFG_MUST_BE_ONE (1u << 20)
#define HW_CFG_TX_FIFO_KB(n) ((n) << 16)
#define TX_A_FIRST_SEGMENT (1u << 13)
#define TX_A_LAST_SEGMENT (1u << 12)
#define RX_USED_STATUS(inf) ((inf) >> 16 & 0xff)
#define RX_STATUS_SIZE(status) ((status) >> 16 & 0x3fff)
#define CHECK_SEQUENCE_BYTES 4

#define MAC_BUSY (1u << 31)
#define MAC_READ (1u << 30)
#define MAC_CR 1 // its registers, which lie behind MAC_CSR_CMD
#define MAC_ADDRH 2
#define MAC_ADDRL 3
#define MAC_CR_FULL_DUPLEX (1u << 20)
#define MAC_CR_TX_ENABLE (1u << 3)
#define MAC_CR_RX_ENABLE (1u << 2)

static void mac_command(uint32_t command) {
    MAC_CSR_CMD = MAC_BUSY | command;
    while (MAC_CSR_CMD & MAC_BUSY) {
    }
}

static uint32_t mac_read(uint32_t number) {
    mac_command(MAC_READ | number);
    return MAC_CSR_DATA;
}

void lan9118_start(void) {
    HW_CFG = HW_CFG_MUST_BE_ONE | HW_CFG_TX_FIFO_KB(5);
    TX_CFG = TX_CFG_TX_ON;
    MAC_CSR_DATA = MAC_CR_FULL_DUPLEX | MAC_CR_TX_ENABLE | MAC_CR_RX_ENABLE;
    mac_command(MAC_CR);
}

void lan9118_address(uint8_t address[6]) { // out of its EEPROM
    uint32_t low = mac_read(MAC_ADDRL);
    uint32_t high = mac_read(MAC_ADDRH);
    for (int i = 0; i < 6; i++) {
        address[i] = i < 4 ? low >> (8 * i) : high >> (8 * (i - 4));
    }
}

void lan9118_send(const uint32_t *frame, size_t size) {
    TX_DATA_FIFO = TX_A_FIRST_SEGMENT | TX_A_LAST_SEGMENT | size;
    TX_DATA_FIFO = size;
    for (size_t i = 0; i < (size + 3) / 4; i++) {
        TX_DATA_FIFO = frame[i];
    }
    (void)TX_STATUS_FIFO;
}

size_t lan9118_receive(uint32_t frame[(FRAME_BYTES + 3) / 4]) {
    while (RX_USED_STATUS(RX_FIFO_INF) > 0) {
        size_t size = RX_STATUS_SIZE(RX_STATUS_FIFO);
        for (size_t i = 0; i < (size + 3) / 4; i++) {
            uint32_t word = RX_DATA_FIFO;
            if (i < (FRAME_BYTES + 3) / 4) {
                frame[i] = word;
            }
        }
        if (size > CHECK_SEQUENCE_BYTES && size <= FRAME_BYTES + CHECK_SEQUENCE_BYTES) {
            return size - CHECK_SEQUENCE_BYTES;
        }
    }
    return 0;
}
