"""Is the board ready?  Network up and clock set, if that can be had; never raises, never hangs."""

try:
    import board

    if not board.network_up(20_000):
        print("boot: no network yet; main.py will keep trying")
    elif not board.set_clock():
        print("boot: the clock is not set yet; main.py will keep trying")
except Exception as error:  # whatever happens, the board must come up
    print("boot: {}: {}".format(type(error).__name__, error))
