"""Does what waits outlive a reset, damage, a full flash and missing memory, each report once?

What is on flash is read here by code of this file, from the format that reports/flash.py gives.
"""

import builtins
import json
import os
from binascii import crc32

import check
from signet import modules
from signet.device import files
from signet.errors import Rejected
from signet.reports.messages import Report
from signet.reports.outbox import Outbox

HEAP = "160k"  # what reads all that waits keeps where it lies
_REPORTS = (
    ({"n": 1, "text": "ä\n\t", "list": [1, None, True]}, {"time_ms": 1_796_000_000_123}),
    (bytes(range(256)) + b"\x1b\n\x1b1\x1b0\n", {"topic": "/a/\u00e4 b"}),
    (b"", {"topic": "t"}),
    ({"n": 4}, {"event": "alarm"}),
    ({}, {"device": ("type", "id")}),
)


def _box(limit=131_072, drops_oldest=True, after_ms=10_000, lines=None):
    return Outbox(limit, drops_oldest, after_ms, (lines if lines is not None else []).append)


def _names():
    return sorted(os.listdir("outbox"))


def _on_flash(name="0"):
    """Returns [(key, meta, body)] of a file, and its last note."""
    found, note = [], None
    with open("outbox/" + name, "rb") as file:
        for line in file.read().split(b"\n")[:-1]:
            check.equal(int(line[:8], 16), crc32(line[8:]))
            if line[8:16] == b"00000000":
                note = json.loads(line[16:])
                continue
            meta, _, body = line[16:].partition(b"\t")
            body = body.replace(b"\x1b1", b"\n").replace(b"\x1b0", b"\x1b")
            found.append((int(line[8:16], 16), json.loads(meta), body))
    return found, note


def _waiting(box):
    """Returns {key: n} of what waits, read as a link does: nothing is kept of it."""
    found = {}
    key = box.after(0)
    while key is not None:
        found[key] = box.get(key).values["n"]
        key = box.after(key)
    return found


def _shape(report):
    return report.values, report.time_ms, report.topic, report.event, report.device, report.id


def test_a_report_is_on_flash_as_it_was_taken_and_comes_back_so():
    box = _box()
    taken = [Report(values, **more) for values, more in _REPORTS]
    check.equal([box.put(report) for report in taken], [1, 2, 3, 4, 5])
    box.close()
    found, note = _on_flash()
    for report, (key, meta, body), (values, _) in zip(taken, found, _REPORTS):
        where = report.topic, report.event, report.device and list(report.device)
        check.equal(meta[:2], [report.id, report.time_ms])
        check.equal(tuple(meta[2:]), where)
        check.equal(body if report.topic is not None else json.loads(body), values)
    check.equal(note, [6, 0, 5, [], [5, 0, 0, 0, 0, 0], []])
    box = _box()
    check.equal(len(box), 5)
    for report in taken:
        check.equal(_shape(box.get(box.after(report.key - 1))), _shape(report))
    assert box.after(5) is None


def test_flash_is_written_when_a_report_has_waited_and_not_before():
    box = _box()
    for n in range(12):
        box.put(Report({"n": n}))
        box.step()
        assert box.done(box.after(0)) and not files.exists("outbox")
    for n in range(3):
        box.put(Report({"n": n}))
    box.step()
    with check.Ahead(9_000):
        box.step()
        assert not files.exists("outbox")
    with check.Ahead(11_000):
        box.step()
        check.equal(len(_on_flash()[0]), 3)
    box = _box(after_ms=0)
    for n in range(3, 5):
        box.put(Report({"n": n}))
        check.equal(len(_on_flash()[0]), n + 1)
    box = _box()
    for n in range(60):  # too many for the heap
        box.put(Report({"n": n}))
    used = [len(report.body) + 160 for report in box.waiting]  # and what an object has
    assert 0 < sum(used) - 160 <= 2048


def test_what_is_done_is_noted_with_the_next_append_and_once_when_nothing_is_left():
    box = _box()
    for n in range(5):
        box.put(Report({"n": n}))
    box.keep()
    check.equal(_waiting(box), {1: 0, 2: 1, 3: 2, 4: 3, 5: 4})
    assert box.done(2) and box.done(1) and not box.done(2)
    check.equal(len(_waiting(_box())), 5)  # a power cut: they go twice
    box.misses[4] = 2
    box.put(Report({"n": 5}))
    box.keep()
    again = _box()
    check.equal((_waiting(again), again.misses), ({3: 2, 4: 3, 5: 4, 6: 5}, {4: 2}))
    for key in (6, 3, 5, 4):
        assert len(_names()) == 1 and again.done(key)
        again.step()
    check.equal((_names(), _on_flash("1")[1][:3]), (["1"], [7, 6, 0]))
    again = _box()
    check.equal((len(again), again.put(Report({"n": 6}))), (0, 7))


def test_a_full_outbox_drops_what_it_is_told_to_and_counts():
    for oldest in (True, False):
        lines = []
        os.mkdir(str(oldest))
        os.chdir(str(oldest))
        box = _box(8192, oldest, lines=lines)
        taken = {}
        for n in range(200):
            key = box.put(Report({"n": n}))
            lines[:-1] = []
            if key:
                taken[key] = n
        accepted, _, _, dropped, _, _ = box.counts
        waiting = _waiting(box)
        check.equal((accepted, accepted - dropped), (200, len(waiting)))
        assert box.flash_used <= 8192 and dropped > 50
        used = sum([(os.stat("outbox/" + name)[6] + 4095) // 4096 * 4096 for name in _names()])
        check.equal(used, box.flash_used)
        newest = {key: n for key, n in taken.items() if key > 200 - len(waiting)}
        check.equal(waiting, newest if oldest else taken)
        assert "outbox full: dropped the {}".format("" if oldest else "1 new") in lines[-1]
        box.close()
        for key in sorted(_waiting(_box(8192, oldest))):
            box.done(key)
        box.step()
        check.equal((len(box), len(_names())), (0, 1))
        assert box.put(Report({"n": 1})), "there is room again"


def test_a_report_larger_than_the_heap_keeps_for_reports_goes_to_flash_at_once():
    large = bytes(range(256)) * 24
    box = _box(16_384)
    box.put(Report({"n": 1}))
    box.put(Report(large, topic="t"))
    box.put(Report({"n": 3}))
    assert not [report for report in box.waiting if report.key < 3]
    check.raises(ValueError, box.put, Report(bytes(20_000), topic="t"))
    box.close()
    box = _box(16_384)
    assert box.get(box.after(1)).body == large
    check.equal([box.done(key) for key in (1, 2, 3)], [True] * 3)


def test_any_order_of_work_and_resets_loses_nothing_and_invents_nothing():
    box, model, given, seed = _box(), {}, 0, 7
    for _ in range(400):
        seed = (seed * 1103 + 12345) & 0xFFFF
        what = (seed >> 4) % 12
        if what < 5:
            given += 1
            model[box.put(Report({"n": given}))] = given
        elif what < 9 and model:
            key, last = 0, seed & 3
            for _ in range(last + 1):
                key = box.after(key) or key
            assert box.get(key).values["n"] == model.pop(key)
            assert box.done(key)
        elif what == 9:
            box.keep()
        elif what == 10:
            box.close()
            box = _box()
        else:
            check.equal(len(box), len(model))
    check.equal(_waiting(box), model)


def _damaged(data, change):
    """Reads an outbox whose only segment is `data`; returns what waits, and the outbox."""
    for name in _names():
        os.remove("outbox/" + name)
    with open("outbox/0", "wb") as file:
        file.write(data)
    box = _box()
    return _waiting(box), box


def test_damage_is_skipped_kept_aside_and_counted_and_what_stands_behind_it_is_read():
    box = _box()
    for n in range(1, 4):
        box.put(Report({"n": n}))
    box.close()
    with open("outbox/0", "rb") as file:
        data = file.read()
    ends = [at + 1 for at in range(len(data)) if data[at] == 10]
    for place in range(0, ends[2], 3):
        torn = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        hit = len([end for end in ends if end <= place]) + 1
        found, box = _damaged(torn, place)
        expected = {n: n for n in (1, 2, 3) if n != hit}
        if place + 1 in ends:  # two lines became one
            expected.pop(hit + 1, None)
        check.equal((found, box.counts[5]), (expected, 1), place)
    for key in sorted(found):
        box.done(key)
    assert "damaged" in _names()
    with open("outbox/damaged", "rb") as file:
        check.equal(file.read(), torn)
    for size in range(0, len(data), 7):  # a power cut on FAT
        found, box = _damaged(data[:size], size)
        whole = len([end for end in ends[:3] if end <= size])
        check.equal(found, {n: n for n in range(1, whole + 1)}, size)
        key = box.put(Report({"n": 9}))
        box.close()
        found[key] = 9
        check.equal(_waiting(_box()), found, size)
    check.equal(_damaged(bytes(300), 0)[0], {})


def test_a_flipped_bit_in_the_key_of_a_long_line_costs_that_line_only():
    box = _box()
    for n in range(1, 6):
        box.put(Report({"n": n, "text": "x" * 400}))
    box.close()
    with open("outbox/0", "rb") as file:
        data = file.read()
    for place in (8, 15, 300, 600):  # in a key, in a body
        torn = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        found, box = _damaged(torn, place)
        hit = 2 if place == 600 else 1
        check.equal((found, box.counts[5]), ({n: n for n in range(1, 6) if n != hit}, 1), place)
    for note in (b"[1, 2]", b"[9,0,0,[[1]],[0,0,0,0,0,0],[]]", b'[9,0,0,[],[0,0,0,0,0,0],[""]]'):
        with open("outbox/0", "wb") as file:  # of another version: damage
            note = b"00000000" + note
            file.write(b"%08x" % crc32(note) + note + b"\n")
        check.equal((len(_box()), _box().put(Report({"n": 1}))), (0, 1))


def test_a_whole_line_of_another_form_costs_that_line_only():
    lines = b""
    for number, rest in enumerate(
        (
            b'[1,null,null,null,null]\t{"n":1}',
            b"[2,null,null,null,null]",  # no body
            b'[3,null,7,null,null]\t{"n":3}',  # no topic
            b'[4,null,null,null,[1,2]]\t{"n":4}',  # no device
            b"7\t{}",
            b'[6,null,null,null,null]\t{"n":6}',
        ),
        1,
    ):
        line = b"%08x" % number + rest
        lines += b"%08x" % crc32(line) + line + b"\n"
    os.mkdir("outbox")
    with open("outbox/0", "wb") as file:
        file.write(lines)
    box = _box()
    found = []
    key = box.after(0)
    while key is not None:
        report = box.get(key)
        if report is not None:
            found.append(report.values["n"])
        key = box.after(key)
    check.equal(found, [1, 6])
    dead = b"00000009" + b'[3,null,7,null,null]\t{"n":3}'
    with open("outbox/x9", "wb") as file:
        file.write(b"%08x" % crc32(dead) + dead + b"\nno")
    with open("outbox/retry", "wb") as file:
        file.write(b"")
    check.equal(_box().dead, [])


def test_what_was_never_in_the_outbox_is_set_aside_without_reading_it():
    box = _box()
    for n in range(40):
        box.put(Report({"n": n}))
    box.keep()
    assert box.set_aside(None, "no", Report(b"x", topic="t")) and not box.open
    check.equal((len(box), box.counts[0], box.counts[4]), (40, 41, 1))


def test_a_power_cut_while_segments_are_removed_leaves_room():
    box = _box(8192, False)
    for n in range(60):
        box.put(Report({"n": n}))
    waiting = sorted(_waiting(box))
    box.keep()
    before = {}
    for name in _names():
        with open("outbox/" + name, "rb") as file:
            before[name] = file.read()
    for key in waiting:
        box.done(key)
    box.close()
    for name, data in before.items():
        with open("outbox/" + name, "wb") as file:
            file.write(data)
    box = _box(8192, False)
    box.step()
    check.equal((len(box), len(_names())), (0, 1))
    assert box.put(Report({"n": 1}))


def test_what_is_set_aside_lies_on_flash_with_its_reason_and_can_be_tried_again():
    box = _box()
    for n in range(12):
        box.put(Report({"n": n}))
        if n == 5:
            box.keep()
    for key in range(1, 11):
        assert box.set_aside(key, "reason {}".format(key))
    check.equal((len(box), box.counts[4]), (2, 10))
    box.close()
    box = _box()
    check.equal([key for key, _, _ in box.dead], list(range(3, 11)))
    key, why, report = box.dead[-1]
    check.equal((why, report.values), ("reason 10", {"n": 9}))
    with open("outbox/retry", "w") as file:
        file.write("4\n10\n")
    again = _box()
    check.equal(_waiting(again), {11: 10, 12: 11, 13: 3, 14: 9})
    check.equal(again.get(14).id, report.id)
    check.equal((len(again.dead), files.exists("outbox/retry")), (6, False))
    check.equal((again.retry(), len(again), again.dead), (6, 10, []))


_open = open


class _Flash:
    """Stands in for `open`: fails after so many writes."""

    def __init__(self, code, after=0):
        self.code, self.after = code, after

    def __call__(self, path, mode="r"):
        file = _open(path, mode)
        if "a" in mode or "w" in mode:
            self.after -= 1
            if self.after < 0:
                file.close()
                raise OSError(self.code)
        return file


def test_flash_that_cannot_be_written_costs_nothing_while_the_heap_has_room():
    for code in (28, 30, 5):  # full, read-only, worn
        lines = []
        os.mkdir(str(code))
        os.chdir(str(code))
        box = _box(lines=lines)
        for n in range(1, 4):
            box.put(Report({"n": n}))
        box.keep()
        box.put(Report({"n": 4}))
        builtins.open = _Flash(code)
        try:
            box.keep()
            box.close()
            assert "not written to flash" in lines[0], lines
            check.equal(_waiting(box), {1: 1, 2: 2, 3: 3, 4: 4})
            for _ in range(40):
                box.put(Report({"n": 5}))
            check.equal(box.counts[0] - box.counts[3], len(box))
            assert sum([len(report.body) for report in box.waiting]) < 2048
            assert not box.set_aside(1, "no") or code
        finally:
            builtins.open = _open
        box.keep()
        assert not box.waiting
        check.equal(len(_waiting(_box())), len(box))


def test_a_report_for_which_no_memory_is_left_is_not_taken():
    """A line of the log needs some, too."""

    def fails(*arguments):
        raise MemoryError

    box = Outbox(131_072, True, 10_000, fails)
    taken = 0
    builtins.open = fails
    try:
        for n in range(40):
            try:
                box.put(Report({"n": n}))
                taken += 1
            except MemoryError:
                pass
    finally:
        builtins.open = _open
    assert 4 < taken < 20, taken
    check.equal((len(box), box.counts[0], len(_waiting(box))), (taken, taken, taken))


def test_flash_has_the_place_of_a_handshake_where_memory_is_short():
    """And the handshake has it again after that."""

    def opens(*arguments):
        if modules.release(64):
            modules.keep(64)
            raise MemoryError
        return _open(*arguments)

    box = _box()
    box.put(Report({"n": 1}))
    modules.keep(64)
    builtins.open = opens
    try:
        check.equal(box.keep(), True)
    finally:
        builtins.open = _open
    check.equal(_waiting(_box()), {1: 1})
    assert modules.release(64)


def test_what_flash_does_not_take_is_not_forgotten_when_it_is_tried_again():
    box = _box()
    box.put(Report({"n": 1}))
    assert box.set_aside(1, "no")
    builtins.open = _Flash(28)
    try:
        check.equal((box.retry(), len(box.dead), len(box)), (0, 1, 0))  # else it would go twice
    finally:
        builtins.open = _open
    check.equal((_box().retry(), _waiting(_box())), (1, {2: 1}))


def test_a_value_that_has_no_form_makes_no_report():
    for value in (float("nan"), float("inf"), b"1", {1}, object(), {1: 2}):
        assert "t" in str(check.raises(Rejected, Report, {"t": value})) or value == {1: 2}


def test_an_outbox_of_an_older_signet_is_taken_over_once():
    with open("signet.outbox", "wb") as file:
        for fields in (
            [{"n": 1}, 5, None, "e", None, None],
            ["00ff", None, "t", None, None, "7"],
        ):
            text = json.dumps(fields).encode()
            file.write(b"%08x" % crc32(text) + text + b"\n")
        file.write(b"damage\n")
    box = _box()
    check.equal(
        [_shape(box.get(key))[:4] for key in (1, 2)],
        [({"n": 1}, 5, None, "e"), (b"\0\xff", None, "t", None)],
    )
    assert not files.exists("signet.outbox")
    check.equal(len(_box()), 2)


def test_the_ids_of_the_last_commands_outlive_a_reset():
    box = _box()
    for n in range(26):  # more than a broker has in flight: mosquitto's 20
        assert not box.knows(str(n)) and box.knows(str(n))
    again = _box()
    check.equal([again.knows(str(n)) for n in (25, 2, 1)], [True, True, False])

    def opens(*arguments):
        raise MemoryError

    builtins.open = opens  # a command that cannot be noted is executed all the same
    try:
        check.equal([again.knows("new"), again.knows("new")], [False, True])
    finally:
        builtins.open = _open
