"""How does a file change, and how is a line of it proved whole, wherever the power fails?

A file is written anew beside itself, as `path`.new, and takes its place by one rename.  FAT does
not rename over a file that exists: there the power may fail while there is only `path`.new.
"""

import os
from binascii import crc32


def recover(path):
    """Ends a `replace` of `path` (str) that was interrupted; to be called before it is read.

    Raises:
        OSError: neither file is there.
    """
    if not exists(path):
        os.rename(path + ".new", path)


def replace(path):
    """Puts `path`.new, written whole and closed, in the place of `path` (str).

    Raises:
        OSError: `path` is as it was, or gone and for `recover` to put back.
    """
    try:
        os.rename(path + ".new", path)
    except OSError:
        os.remove(path)
        os.rename(path + ".new", path)


def exists(path):
    """bool, is there a file `path` (str)?"""
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def remove(path):
    """Removes a file (str), if there is one and it can be."""
    try:
        os.remove(path)
    except OSError:
        pass


def record(content):
    """Returns `content`, bytes without a "\\n", as a line that begins with its CRC-32 in hex."""
    return b"%08x" % crc32(content) + content + b"\n"


def is_record(line):
    """bool, is that line (bytes) as `record` made it?"""
    try:
        return line[-1:] == b"\n" and int(line[:8], 16) == crc32(memoryview(line)[8:-1])
    except ValueError:
        return False


def content(line):
    """Returns the bytes that `record` was given; None when the line is torn or damaged."""
    return line[8:-1] if is_record(line) else None
