"""How does one test file run on one interpreter?  `runner MODULE CONTEXT.json NAME...`

Prints one line per test, a mark and JSON: name, ok, skip, trace, ms, heap. The host side
(host/process.py) reads them; everything else that is printed belongs to the test that runs.
"""

import gc
import io
import json
import os
import sys
import time

import check

MARK = "\x1e"


def _ticks_ms():
    return time.ticks_ms() if check.MICROPYTHON else time.monotonic_ns() // 1_000_000


def _trace(error):
    out = io.StringIO()
    if check.MICROPYTHON:
        sys.print_exception(error, out)
    else:
        import traceback

        traceback.print_exception(error, file=out)
    return out.getvalue()


def _run(function):
    gc.collect()
    before = gc.mem_alloc() if check.MICROPYTHON else 0
    start = _ticks_ms()
    result = {"ok": True}
    try:
        function()
    except check.Skip as skip:
        result["skip"] = str(skip)
    except BaseException as error:
        result = {"ok": False, "trace": _trace(error)}
    result["ms"] = _ticks_ms() - start
    result["heap"] = (gc.mem_alloc() if check.MICROPYTHON else 0) - before
    return result


def main(module, context, names):
    check.load_context(context)
    try:
        tests = __import__(module)
    except BaseException as error:
        result = {"name": None, "ok": False, "trace": _trace(error)}
        print("\n" + MARK + json.dumps(result))
        return
    if not check.MICROPYTHON:
        gc.freeze()  # signet collects often: not what CPython's libraries have made
    for number, name in enumerate(names):
        os.mkdir("{}/{}".format(check.folder(), number))
        os.chdir("{}/{}".format(check.folder(), number))  # what one leaves behind no other finds
        result = _run(getattr(tests, name))
        result["name"] = name
        print("\n" + MARK + json.dumps(result))
        if not check.MICROPYTHON:
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
