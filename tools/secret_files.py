"""How does a secret get to a program that wants a file, and is gone when we are, even killed?

As a file in memory, which no folder names (memfd_create(2)); where there is no such call, anything
but Linux, as one in a temporary folder.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def secret_files(contents: Iterable[bytes]) -> Iterator[list[Path]]:
    """Gives files of that content, for this process and its children, while `with` lasts."""
    with contextlib.ExitStack() as stack:
        if sys.platform == "linux":
            yield [_in_memory(stack, content) for content in contents]
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signet-")))
        paths = []
        for number, content in enumerate(contents):
            paths.append(folder / str(number))
            paths[-1].write_bytes(content)
        yield paths


def _in_memory(stack: contextlib.ExitStack, content: bytes) -> Path:
    file = stack.enter_context(os.fdopen(os.memfd_create("signet"), "wb"))
    file.write(content)
    file.flush()
    return Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
