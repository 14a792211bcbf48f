"""What does the virtual board's `ntptime` do?  Nothing: the host's clock is right already."""

host = "pool.ntp.org"
timeout = 1


def settime():
    """Keeps the clock as it is."""
