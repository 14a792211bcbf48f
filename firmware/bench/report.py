"""What does a device do when it wakes?  It reports, and ends; for `signet bench`.

`report COUNT [TOPIC BYTES WAITING]` reports COUNT times as device.json in the current folder says:
a property of the thing model, or so many BYTES to a TOPIC, and WAITING of them at once. It prints
"stored" after each report, and waits for a line on its input before it goes on.
"""

import sys

import signet


def main(count, topic=None, size=0, waiting=1):
    link = signet.open("device.json")
    for _ in range(count):
        for _ in range(int(waiting)):
            if topic:
                link.report(bytes(range(int(size))), topic)
            else:
                link.report({"temperature": 21.5, "humidity": 40})
        if not link.flush(20_000):
            raise SystemExit("the report was not stored")
        print("stored")
        sys.stdin.readline()
    link.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
