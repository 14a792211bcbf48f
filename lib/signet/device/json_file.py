"""What does a JSON file say that a person has written, whatever the editor?

Loaded when there is one to read, and forgotten: see modules.call.
"""

import json
import os
from binascii import crc32

from micropython import const

from signet.errors import ConfigError
from signet.wire.exact_json import encode, is_deep

_FOLDER = const(0x4000)  # of st_mode
_LARGEST = const(8192)  # bytes
_BOM = const(b"\xef\xbb\xbf")


def load(path):
    """Reads a JSON object.

    Args:
        path: str.
    Returns:
        (dict, int that tells whether the file has changed).
    Raises:
        ConfigError: says what is wrong with the file, and shows nothing of what is in it.
    """
    wrong = "is not JSON; look for a missing comma, quote or brace"
    try:
        if os.stat(path)[0] & _FOLDER:
            raise ConfigError(path, "is a folder, and must be a file")
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
        if content[:3] == _BOM:
            content = content[3:]
        if len(content) > _LARGEST or is_deep(content):
            wrong = "has more than {} bytes, or is nested too deep".format(_LARGEST)
        elif content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[:2].count(b"\0") == 1:
            wrong = "is UTF-16; save it as UTF-8"
        else:
            content.decode()
            text = encode(content).decode().strip()
            values = json.loads(text) if text.endswith("}") else None
            if isinstance(values, dict) and all(isinstance(key, str) for key in values):
                return values, crc32(text.encode())
    except OSError:
        wrong = "there is no such file on the board; `signet board deploy` puts it there"
    except UnicodeError:
        wrong = "is not UTF-8; save it as that"
    except (ValueError, TypeError):
        pass
    except MemoryError:
        wrong = "is too large for the memory of this board"
    raise ConfigError(path, wrong)
