"""What can this board do, and how fast?  Runs on the board, for `signet board selftest`.

Needs nothing of signet. Before it stands `ASKED = (host, port)` of a TLS server, or None. Prints a
line of JSON for each thing found, [name, values], or [name, null, error].
"""

import gc
import json
import os
import sys
import time

import machine

_FILE = "/selftest.tmp"
_RECORD = b"selftest" * 8
_APPENDS = 20
_NETWORK_S = 20
_MODULES = ("hashlib", "cryptolib", "tls", "asyncio", "socket", "network", "esp32", "umqtt.simple")


def _say(name, measure):
    gc.collect()
    try:
        line = (name, measure())
    except Exception as error:
        line = (name, None, "{}: {}".format(type(error).__name__, error))
    print(json.dumps(line))


def _micropython():
    frequency = machine.freq()
    return {
        "version": ".".join([str(part) for part in sys.implementation.version[:3]]),
        "port": sys.platform,
        "machine": sys.implementation._machine,
        "build": sys.version,
        "mhz": (frequency if isinstance(frequency, int) else frequency[0]) // 1_000_000,
        "float_bits": 32 if 16777216.0 + 1.0 == 16777216.0 else 64,
        "epoch": time.gmtime(0)[0],
    }


def _idf():
    """Returns [bytes, free, largest free block, least free so far] for each area of ESP-IDF."""
    import esp32

    return [list(area) for area in esp32.idf_heap_info(esp32.HEAP_DATA)]


def _idf_free():
    try:
        return sum([area[1] for area in _idf()])
    except (ImportError, AttributeError):
        return None


def _heap():
    values = {"free": gc.mem_free(), "used": gc.mem_alloc()}
    try:
        values["idf"] = _idf()
    except (ImportError, AttributeError):
        pass
    return values


def _has():
    there = []
    for name in _MODULES:
        try:
            __import__(name)
            there.append(name)
        except ImportError:
            pass
    if "hashlib" in there:
        import hashlib

        there.extend([name for name in ("md5", "sha1", "sha256") if hasattr(hashlib, name)])
    if "tls" in there:
        import tls

        there.extend(["DTLS"] if hasattr(tls, "PROTOCOL_DTLS_CLIENT") else [])
    try:
        import vfs

        there.extend(["ROM partition"] if vfs.rom_ioctl(1) > 0 else [])
    except (ImportError, AttributeError, OSError):
        pass
    there.extend([name for name in ("WDT", "RTC", "deepsleep") if hasattr(machine, name)])
    return there


def _us(work, times):
    """Returns how long one of some calls takes, in us."""
    began = time.ticks_us()
    for _ in range(times):
        work()
    return time.ticks_diff(time.ticks_us(), began) // times


def _sha256():
    import hashlib

    content = bytes(1024)
    return {"us_kib": _us(lambda: hashlib.sha256(content).digest(), 32)}


def _hmac():
    """As a login is signed: 100 bytes, RFC 2104."""
    import hashlib

    inner, outer, content = bytes([0x36]) * 64, bytes([0x5C]) * 64, bytes(100)

    def sign():
        digest = hashlib.sha256(inner)
        digest.update(content)
        whole = hashlib.sha256(outer)
        whole.update(digest.digest())
        whole.digest()

    return {"us": _us(sign, 32)}


def _aes():
    import cryptolib

    content = bytearray(1024)
    cipher = cryptolib.aes(bytes(16), 2, bytes(16))
    return {"us_kib": _us(lambda: cipher.encrypt(content, content), 32)}


def _flash():
    """A record appended, and the file closed, as when a report must outlive a power cut."""
    took = []
    try:
        for _ in range(_APPENDS):
            began = time.ticks_us()
            with open(_FILE, "ab") as file:
                file.write(_RECORD)
            took.append(time.ticks_diff(time.ticks_us(), began))
    finally:
        try:
            os.remove(_FILE)
        except OSError:
            pass
    flash = os.statvfs("/")
    return {
        "us_append": sum(took) // len(took),
        "us_longest": max(took),
        "bytes": flash[0] * flash[2],
        "free": flash[0] * flash[3],
    }


def _context():
    import tls

    return tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)


def _cost(make):
    """Returns time and memory of what is made, as long as it is there."""
    gc.collect()
    heap, idf, began = gc.mem_alloc(), _idf_free(), time.ticks_us()
    made = make()
    took = time.ticks_diff(time.ticks_us(), began)
    gc.collect()
    values = {"us": took, "heap": gc.mem_alloc() - heap}
    if idf is not None:
        values["idf"] = idf - _idf_free()
        values["idf_least"] = sum([area[3] for area in _idf()])
    del made
    return values


def _handshake():
    """Verifies nothing, sends nothing: it is measured only."""
    import socket

    import tls

    try:
        import board

        board.network_up(_NETWORK_S * 1000)
    except ImportError:
        pass
    host, port = ASKED
    wire = socket.socket()
    try:
        wire.settimeout(_NETWORK_S)
        wire.connect(socket.getaddrinfo(host, port)[0][-1])
        context = _context()
        context.verify_mode = tls.CERT_NONE
        return _cost(lambda: context.wrap_socket(wire, server_hostname=host))
    finally:
        wire.close()


def main():
    _say("micropython", _micropython)
    _say("heap", _heap)
    _say("has", _has)
    _say("sha256", _sha256)
    _say("hmac", _hmac)
    _say("aes", _aes)
    _say("flash", _flash)
    _say("tls", lambda: _cost(_context))
    if ASKED:
        _say("handshake", _handshake)
    _say("clock", lambda: list(time.gmtime()[:6]))  # last: the laptop looks at its own then
    print("[]")


main()
