"""What does this device do?  It reports what its sensors say, and obeys commands."""

import board
import signet
from signet import clock


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    link.on_command = board.obey
    while True:
        try:
            link.report(board.sensors())
        except Exception as error:  # a sensor may fail; the link goes on
            print("sensors: {}: {}".format(type(error).__name__, error))
        if not link.deep_sleep:
            link.poll(link.report_interval_ms)
        elif link.flush(link.report_interval_ms):  # sleeps only when the cloud has them all
            link.close()
            board.deep_sleep(link.report_interval_ms)


try:
    main()
except signet.ConfigError as error:
    print(error)  # and leave the prompt to whoever comes to mend it
