"""What becomes of a report that does not go?  One rule for every way in.

    Rejected                        set aside, by name, on flash
    Throttled                       all wait; after three times the next has its turn
    with a code                     the next has its turn; the fourth time it is set aside, if
                                    anything else was carried since the first
    ProtocolError: an answer that   the same; the fourth time it is set aside
    cannot be taken
    several in one message          from then on they go one by one, and each is judged by itself
    MemoryError                     never its fault: soon again
    not acknowledged, or on the     a miss; from the third on the others pass, and it goes last and
    wire when the connection ended  alone; two more, if anything else was carried in between, and
                                    it is set aside: without that it is the network

Functions of a handover.Handover.  Loaded when there is trouble, and forgotten: see modules.call.
"""

import gc

from micropython import const

from signet import clock
from signet.errors import ProtocolError, Rejected, Throttled
from signet.wire.exact_json import printable

_PUT_OFF = const(3)  # times of "not now", or of no memory, before the next has its turn
_TRIES = const(4)
_DOUBLINGS = const(3)  # of the wait for a report that is put off
_ALONE = const(3)  # misses; see handover.py
_MOST = const(5)  # misses
_SUSPECTS = const(32)
_MEMORY_MS = const(1000)


def failed(handover, key, error):
    """The report `key` (int, or several) came to nothing, for `error`; the session goes on."""
    if isinstance(key, tuple):
        if not isinstance(error, Throttled) or error.code is not None:
            _part(handover, key, error)
            return
        handover.outbox.counts[2] += len(key) - 1
        key = key[0]  # they all wait
    if isinstance(error, MemoryError):
        gc.collect()
        tries = _tried(handover, key, 0)
        if not tries:
            handover.log("no memory to send report {}; soon again".format(key))
        _turn(handover, key, (tries + 1) % _PUT_OFF)
        handover.deadline = clock.Deadline(_MEMORY_MS << min(tries, _DOUBLINGS))
    elif isinstance(error, (Throttled, ProtocolError)):
        _put_off(handover, key, error)
    elif isinstance(error, Rejected):
        _set_aside(handover, key, error)
    else:
        handover.outbox.counts[2] += 1
        handover.log("report {}: {}; sent again".format(key, error))
        _turn(handover, key, False)
        _missed(handover, key, error)


def lost(handover, keys, error):
    """The connection ended, for `error`, with these on the wire."""
    for key in keys:
        if isinstance(key, tuple):
            _part(handover, key, error)
        else:
            handover.outbox.counts[2] += 1
            if not isinstance(error, MemoryError):
                _missed(handover, key, error)


def _part(handover, keys, error):
    """Several were in one message: it need not be the fault of all."""
    handover.outbox.counts[2] += len(keys)
    handover.single = max(handover.single, keys[-1])
    why = "no memory" if isinstance(error, MemoryError) else error
    text = "reports {} to {}: {}; sent again, one by one"
    handover.log(text.format(keys[0], keys[-1], why))


def alone(handover):
    """Returns the key of the report that goes next, alone: each in its turn; or None."""
    misses, at, key = handover.outbox.misses, handover.at, 0
    for other, count in misses.items():  # another may be to blame
        if count >= _ALONE and (not key or (other <= at, other) < (key <= at, key)):
            key = other
    if key > 0 and handover.outbox.after(key - 1) != key:
        misses.pop(key)  # it was dropped
        return None
    handover.at = key
    return key or None


def _tried(handover, key, is_bad):
    """Counts it; returns how often it was put off before (int), or answered badly."""
    if len(handover.tries) > _SUSPECTS:  # of so many none is to blame, or they were dropped
        handover.tries.clear()
    counts = handover.tries.setdefault(key, [0, 0])
    counts[is_bad] += 1
    return counts[is_bad] - 1


def _turn(handover, key, is_next):
    """Is a report the next again, or have others their turn first?"""
    if not is_next:
        handover.again.append(key)
    elif key > 0:
        handover.passed = min(handover.passed, key - 1)


def _put_off(handover, key, error):
    is_answer = isinstance(error, ProtocolError)  # the cloud may have it
    is_bad = is_answer or error.code is not None
    tries = _tried(handover, key, is_bad)
    if is_bad and tries + 1 >= _TRIES and (is_answer or handover.alive):
        _set_aside(handover, key, error)
        return
    if is_bad and not tries:
        handover.alive = False
    handover.outbox.counts[2] += 1
    wait_ms = handover.retry_s * 1000 << min(tries, _DOUBLINGS)
    wait_ms = getattr(error, "retry_after_ms", 0) or wait_ms
    handover.log("report {}: {}; sent again in {} s".format(key, error, wait_ms // 1000))
    handover.deadline = clock.Deadline(wait_ms)
    _turn(handover, key, not is_bad and tries < _PUT_OFF)


def _missed(handover, key, error):
    misses = handover.outbox.misses
    count = misses.get(key, 0)
    if count >= _ALONE:
        if not handover.alive:
            return
        handover.alive = False
    elif key not in misses and len(misses) >= _SUSPECTS:
        return
    misses[key] = count + 1
    if count + 1 >= _MOST:
        _set_aside(handover, key, error)
    elif count + 1 == _ALONE:
        handover.alive = False
        handover.log("report {}: {}, {} times; it goes last and alone".format(key, error, _ALONE))


def _set_aside(handover, key, error):
    handover.tries.pop(key, None)
    if handover.outbox.set_aside(key, str(error), handover.beside.get(key)):
        handover.outbox.misses.pop(key, None)
        handover.beside.pop(key, None)
        handover.log("report {} set aside: {}".format(key, error))
    else:  # flash cannot be written: it waits
        handover.deadline = clock.Deadline(handover.retry_s * 1000)


def unfit(values, topic, event, device, has_role):
    """Returns the ValueError that says what is wrong with the arguments of link.Link.report."""
    if topic is not None and printable(topic) != topic:
        return ValueError("a topic is str, without control characters")
    if event is not None and not isinstance(event, str):
        return ValueError("the name of an event is str")
    if device is not None and not has_role:
        return ValueError("only a gateway reports for another device")
    is_pair = isinstance(device, (tuple, list)) and [type(n) for n in device] == [str, str]
    if device is not None and not is_pair:
        return ValueError("a device is (type id, device id), two str")
    text = "a report is a dict of values, or bytes with a topic; a file by http only, and"
    return ValueError(text + " without deep sleep")
