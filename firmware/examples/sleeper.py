"""What does a device on batteries do?  It wakes, reports, and sleeps until the next report.

For Alibaba by CoAP, "way": "coap" with "deep_sleep": true in device.json: a wake is one datagram
out and one in, because the token waits on flash.  What the cloud has not taken in time waits
there, too.  Any other cloud and way will do, with a login at each wake.  Deploy it as /main.py.
"""

import board
import machine
import signet
from signet import clock

AWAKE_MS = 60_000  # at most


def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    values = board.sensors()
    values["woke"] = machine.reset_cause() == machine.DEEPSLEEP_RESET
    link.report(values)
    link.flush(AWAKE_MS)
    link.close()
    board.deep_sleep(link.report_interval_ms)


try:
    main()
except signet.ConfigError as error:
    print(error)
