# How is MicroPython's generic ESP32-S3 changed for signet? As the ESP32 is: see there.
set(SIGNET_GENERIC ESP32_GENERIC_S3)
include(${MICROPY_BOARD_DIR}/../esp32/mpconfigboard.cmake)
