"""What is in a JSON file that a person has written, device.json or a board's own?

Loaded when it is needed, and forgotten: see modules.call.
"""

import json
import os
from binascii import crc32

from micropython import const

from signet.errors import ConfigError
from signet.wire.exact_json import encode, is_deep

_FOLDER = const(0x4000)  # of st_mode
_LARGEST = const(8192)  # bytes of a file
_BOM = const(b"\xef\xbb\xbf")


def read(path):
    """Reads a JSON object that a person has written, whatever the editor.

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
        elif content.find(b"\0") >= 0:  # each text of UTF-16 that is JSON has them
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
