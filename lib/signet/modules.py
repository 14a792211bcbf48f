"""How does a module leave the heap again when its work is done?

A board's heap holds the code of every module that came as .mpy.  Configuration is read once, an
identity is built once per connection: both are loaded when they are needed, and forgotten after.
That is 11 KiB of 64 with Alibaba's (`host_tests/device/test_heap.py`).
"""

import gc
import sys


def forget(*names):
    """Forgets modules of signet; a later import loads them anew.

    Args:
        names: str, full names such as "signet.sign.hmac"; whoever holds one keeps it alive.
    """
    for name in names:
        sys.modules.pop(name, None)
        package, _, short = name.rpartition(".")
        if package in sys.modules:
            sys.modules[package].__dict__.pop(short, None)
    gc.collect()
