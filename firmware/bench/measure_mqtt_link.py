"""How fast does a Link report by MQTT, and at what cost?  Runs on MicroPython.

`measure_mqtt_link FOLDER MS` does with signet.open of FOLDER/device.json what measure_mqtt does
with a client, and prints the same.  A file of its own: a linked tree holds what it imports.
"""

import os
import sys

import signet
from measure_mqtt import PATIENCE_MS, VALUES, Meter

WAITING = 8  # reports that the program has handed to the Link and the cloud has not: its window


def main(folder, ms):
    os.chdir(folder)
    meter = Meter(ms)
    link = signet.open("device.json")
    while not link.connected:
        link.poll(1)
    meter.start()
    while meter.more():
        link.report(VALUES)
        while link.waiting >= WAITING:
            link.poll(1)
    assert link.flush(PATIENCE_MS)
    meter.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
