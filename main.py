"""What does this device do?  It reports what its sensors say, and obeys commands."""

import board
import signet
from signet import clock


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    link.on_command = board.obey
    while True:
        link.report(board.sensors())
        link.poll(link.report_interval_ms)


try:
    main()
except signet.ConfigError as error:
    print(error)  # and leave the prompt to whoever comes to mend it
