"""Would a board load these files' device.json?  Runs on MicroPython; for `signet board deploy`.

`check_config BLOCKS` reads "SIZE PATH\\n" and the content of each file from its standard input,
folders first, whose size is "-", into a file system of so many blocks in memory. Prints lines
"error ...", "ca ...", an error of that key, and "warning: ..."; and "config ...", in JSON,
what the board makes of device.json. `check_config BLOCKS heap` prints how many bytes of heap the
programs and an open link take.
"""

import gc
import json
import os
import sys

import vfs

_BLOCK = 4096  # bytes


class _Ram:
    def __init__(self, blocks):
        self.data = bytearray(blocks * _BLOCK)

    def readblocks(self, block, buf, off=0):
        buf[:] = memoryview(self.data)[block * _BLOCK + off :][: len(buf)]

    def writeblocks(self, block, buf, off=0):
        self.data[block * _BLOCK + off : block * _BLOCK + off + len(buf)] = buf

    def ioctl(self, op, arg):
        return len(self.data) // _BLOCK if op == 4 else _BLOCK if op == 5 else 0


class _State:
    values = {}

    def keep(self, values, log):
        pass


def _unpack():
    given = sys.stdin.buffer
    while True:
        size, _, path = given.readline().decode().rstrip().partition(" ")
        if not path:
            return
        if size == "-":
            os.mkdir("/signet" + path)
        else:
            with open("/signet" + path, "wb") as file:
                file.write(given.read(int(size)))


def _load():
    from signet.device import config
    from signet.errors import ConfigError

    try:
        loaded = config.load("device.json", print)
        values = {key: loaded[key] for key in loaded if key not in ("trust", "crc")}
        print("config", json.dumps(values))
        told = []
        loaded["role"] = ""  # an application is told of nothing
        if loaded["expires"]:
            from signet.certificate import expiry

            events = expiry.look(loaded, told.append, _State()) or ()
            for i, event in enumerate(events):
                kind = "error" if event[1]["days_left"] < 0 else "warning:"
                print(kind, told[i].replace("warning: ", ""))
    except ConfigError as error:
        print("ca" if error.key == "ca" else "error", error)
    except Exception as error:
        print("error device.json: the board cannot load it:", type(error).__name__)


def _measure():
    gc.collect()
    before = gc.mem_alloc()
    held = []
    for name in ("board.py", "main.py"):
        with open(name) as file:
            held.append(compile(file.read(), name, "exec"))
    signet = __import__("signet")
    held.append(signet.open("device.json", None, lambda text: None))
    gc.collect()
    print(gc.mem_alloc() - before)


ram = _Ram(int(sys.argv[1]))
vfs.VfsLfs2.mkfs(ram)
vfs.mount(ram, "/signet")
os.chdir("/signet")
sys.path[:] = ["/signet/lib"]
_unpack()
_measure() if sys.argv[2:] == ["heap"] else _load()
