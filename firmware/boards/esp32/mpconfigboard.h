// What is this image, and what is compiled into it beside the ESP32 port's own? See BRINGUP.md: not built here yet.

#define MICROPY_HW_BOARD_NAME "ESP32 with signet"
#define MICROPY_HW_MCU_NAME "ESP32"

#define MICROPY_VFS_ROM (1)       // what `mpremote romfs deploy` writes into the partition "romfs"
#define MICROPY_PY_BLUETOOTH (0)  // as in sdkconfig.signet
