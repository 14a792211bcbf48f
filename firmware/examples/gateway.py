"""What does a gateway do?  It reports for itself and its meters, and hands their commands on.

For Watson IoT, with "role": "gateway" in device.json; deploy it as /main.py.
"""

import board
import signet
from signet import clock

METERS = (("meter", "meter-1"), ("meter", "meter-2"))  # type id, device id


def read(meter):
    """Returns what a meter says; here is the place for your radio, or bus."""
    return {"power": 100 + len(meter[1])}


def obey(command):
    if command.device is None:  # for the gateway itself
        return board.obey(command)
    print("for {}: {} {!r}".format(command.device[1], command.name, command.data))
    return None


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    link.on_command = obey
    while True:
        link.report(board.sensors())
        for meter in METERS:
            link.report(read(meter), device=meter)
        link.poll(link.report_interval_ms)


try:
    main()
except signet.ConfigError as error:
    print(error)
