"""What does this device do?  It reports what its sensors say, and obeys commands."""

import board
import signet
from signet import clock

AWAKE_MS = 300_000  # at most, for a report that is to be followed by deep sleep


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
            continue
        link.flush(AWAKE_MS)  # what is not stored by then waits on flash
        link.close()
        board.deep_sleep(link.report_interval_ms)


try:
    main()
except signet.ConfigError as error:
    print(error)  # and leave the prompt to whoever comes to mend it
except MemoryError as error:  # a start makes a heap without holes; what waits is on flash
    print("main: {}; starts anew".format(error))
    board.deep_sleep(1000)
