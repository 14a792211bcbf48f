"""How does a device send what is not JSON?  As bytes, or a whole file, to a topic of its own.

Bytes go by MQTT and HTTPS; a file, up to 128 KiB and larger than the heap, by HTTPS alone: "way":
"http" in device.json, without deep sleep.  The topic must be one that the cloud knows: of Alibaba
/PRODUCT_KEY/DEVICE_NAME/user/... .  Deploy it as /main.py.
"""

import board
import signet
from signet import clock

TOPIC = "/a1SignetPk/board-1/user/update"
LOG = "log.bin"


def write_log():
    """Here is the place for your picture, or recording."""
    with open(LOG, "wb") as file:
        for number in range(1000):
            file.write(number.to_bytes(4, "little"))


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    link.report(b"\x01\x02\xff", topic=TOPIC)
    write_log()
    file = open(LOG, "rb")  # noqa: SIM115  it stays open until the cloud has it
    link.report(file, topic=TOPIC)
    while not link.flush(60_000):
        link.poll(1000)
    file.close()
    print("all stored")


try:
    main()
except signet.ConfigError as error:
    print(error)
