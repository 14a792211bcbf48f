"""What does a JSON file say that a person has written, whatever the editor?

It may hold secrets: an error shows nothing of it.
"""

import json
from pathlib import Path
from typing import Any

from tools.ui import UserError

_LARGEST = 65_536  # bytes


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object in UTF-8, with a byte order mark or without, or in UTF-16.

    raises: UserError.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UserError(f"{path} is longer than {_LARGEST} bytes")
        value = json.loads(content)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deep") from None
    except UnicodeError:
        raise UserError(f"{path} is not UTF-8") from None
    except ValueError as error:  # a place, never the content
        raise UserError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold one JSON object: {{...}}")
    return value
