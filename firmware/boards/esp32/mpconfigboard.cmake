# How is MicroPython's generic ESP32 changed for signet? Not built here yet: see BRINGUP.md.
#
#   make -C ports/esp32 BOARD_DIR=<this folder>     an absolute path
#
# What is common to the three chips stands in this folder; each other one's cmake file includes it.

if(NOT SIGNET_GENERIC)
    set(SIGNET_GENERIC ESP32_GENERIC)
endif()
include(${CMAKE_CURRENT_SOURCE_DIR}/boards/${SIGNET_GENERIC}/mpconfigboard.cmake)

# ESP-IDF looks for a table in its project, MicroPython's; ours needs its whole path.
set(SIGNET_TABLE ${CMAKE_BINARY_DIR}/sdkconfig.signet_table)
file(WRITE ${SIGNET_TABLE}
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${CMAKE_CURRENT_LIST_DIR}/partitions.csv\"\n")

list(APPEND SDKCONFIG_DEFAULTS ${CMAKE_CURRENT_LIST_DIR}/sdkconfig.signet ${SIGNET_TABLE})
set(MICROPY_FROZEN_MANIFEST ${CMAKE_CURRENT_LIST_DIR}/manifest.py)
