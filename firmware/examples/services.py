"""How does a device answer commands?  What a function returns is the answer, what it raises, too.

By MQTT; Watson IoT takes no answers.  Deploy it as /main.py.
"""

import board
import signet
from signet import clock


def add(data):
    return {"sum": data["a"] + data["b"]}


def sense(data):
    return board.sensors()


SERVICES = {"add": add, "sense": sense}


def obey(command):
    """Raises what the cloud is told, as for a value that is missing."""
    if command.name not in SERVICES:
        raise ValueError("no such service")
    return SERVICES[command.name](command.data)


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    link.on_command = obey
    while True:
        link.poll(1000)


try:
    main()
except signet.ConfigError as error:
    print(error)
