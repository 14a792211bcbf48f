"""What does an application on a board do?  It prints what all devices say, and lights their LEDs.

For Watson IoT by MQTT, with "role": "application" in device.json; deploy it as /main.py.
"""

import board
import signet
from signet import clock
from signet.cloud.watson import application

greeted = set()


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)

    def heard(message):
        """message.kind is "event", "command" or "status"; message.device says whose."""
        type_id, device_id = message.device
        print("{} {} of {}: {!r}".format(message.kind, message.name, device_id, message.data))
        if message.kind == "event" and message.device not in greeted:
            greeted.add(message.device)
            link.report(*application.command(type_id, device_id, "set", {"led": 1}))

    link.on_command = heard
    while True:
        link.poll(1000)


try:
    main()
except signet.ConfigError as error:
    print(error)
