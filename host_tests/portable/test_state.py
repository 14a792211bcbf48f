"""Do values outlive power cuts, and are reserved numbers never used twice?

Files are kept by a small model of flash that loses power at any byte; then, on MicroPython, by
the real LittleFS and FAT on a block device that loses power at any write.
"""

import errno
import io
import json
from binascii import crc32

import check
from signet.device import files, state
from signet.device.state import State
from signet.errors import SignetError

_PATH = "state.log"
_SPARE = "state.log.new"
_ENOSPC = 28  # errno lacks it on MicroPython


class PowerCut(BaseException):
    """Not an OSError: nothing of the device's program runs after it."""


class Flash:
    """Takes the place of `open` in signet.device.state, and of `os` in signet.device.files.

    cut_in: after so many steps, a byte or a change of a name, the power is gone; None for never.
    full_in: after so many bytes the flash is full. replaces: may `rename` replace a file?
    """

    def __init__(self, replaces=True):
        self.files = {}
        self.cut_in = self.full_in = None
        self.replaces = replaces
        self.writes = 0
        state.open = self.open
        files.os = self

    def step(self):
        if self.cut_in is not None:
            if self.cut_in == 0:
                raise PowerCut
            self.cut_in -= 1

    def open(self, path, mode):
        if mode == "rb":
            if path not in self.files:
                raise OSError(errno.ENOENT)
            return io.BytesIO(self.files[path])
        return Writer(self, path, mode)

    def stat(self, path):
        if path not in self.files:
            raise OSError(errno.ENOENT)

    def remove(self, path):
        self.stat(path)
        self.step()
        del self.files[path]

    def rename(self, old, new):
        self.stat(old)
        if new in self.files and not self.replaces:
            raise OSError(errno.EEXIST)
        self.step()
        self.files[new] = self.files.pop(old)


class Writer:
    def __init__(self, flash, path, mode):
        flash.step()
        flash.writes += 1
        self._flash = flash
        self._path = path
        if mode == "wb" or path not in flash.files:
            flash.files[path] = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, data):
        flash = self._flash
        for index in range(len(data)):
            flash.step()
            if flash.full_in is not None:
                if flash.full_in == 0:
                    raise OSError(_ENOSPC)
                flash.full_in -= 1
            flash.files[self._path] += data[index : index + 1]
        return len(data)


_HISTORY = (
    {"token": 't\u00f6ken \n"1"', "next_seq": 7, "plain": True},
    {"next_seq": 2**31 - 1, "address": "192.0.2.7"},
    {"plain": None, "address": "2001:db8::1"},
)


def _moments(history=_HISTORY):
    """Returns what the values were after each save, the empty beginning first."""
    values = {}
    moments = [{}]
    for changes in history:
        values.update(changes)
        for name in changes:
            if values[name] is None:
                values.pop(name)
        moments.append(dict(values))
    return moments


def _written():
    flash = Flash()
    kept = State(_PATH)
    for changes in _HISTORY:
        kept.save(changes)
    return flash, flash.files[_PATH]


def test_what_was_saved_is_there_after_a_restart():
    flash, _ = _written()
    check.equal(State(_PATH).values, _moments()[-1])
    check.equal(sorted(flash.files), [_PATH])


def test_a_missing_file_is_the_empty_state_and_loading_writes_nothing():
    flash = Flash()
    check.equal(State(_PATH).values, {})
    check.equal((flash.files, flash.writes), ({}, 0))


def test_none_takes_a_name_away_also_one_that_is_not_there():
    Flash()
    kept = State(_PATH)
    kept.save({"a": 1, "gone": None})
    kept.save({"a": None, "b": 2})
    check.equal((kept.values, State(_PATH).values), ({"b": 2}, {"b": 2}))


def test_a_record_is_a_line_with_the_crc_32_of_its_json():
    _, file = _written()
    records = file.split(b"\n")
    check.equal((len(records), records[-1]), (4, b""))
    for record, changes in zip(records, _HISTORY):
        check.equal(int(record[:8], 16), crc32(record[8:]))
        check.equal(json.loads(record[8:]), changes)


def test_a_file_cut_off_at_any_length_gives_the_records_before_and_takes_new_ones():
    flash, file = _written()
    moments = _moments()
    for length in range(len(file)):
        flash.files = {_PATH: file[:length]}
        expected = moments[file[:length].count(b"\n")]
        kept = State(_PATH)
        check.equal(kept.values, expected, length)
        kept.save({"more": length})
        expected = dict(expected)
        expected["more"] = length
        check.equal(State(_PATH).values, expected, length)


def test_a_file_damaged_at_any_byte_gives_the_records_before_and_takes_new_ones():
    flash, file = _written()
    moments = _moments()
    for place in range(len(file)):
        before = moments[file[:place].count(b"\n")]
        for damage in (0x01, 0x80, file[place], file[place] ^ 0x0A):  # the last: a new line end
            damaged = bytearray(file)
            damaged[place] ^= damage
            if bytes(damaged) == file:
                continue
            flash.files = {_PATH: bytes(damaged)}
            kept = State(_PATH)
            check.equal(kept.values, before, place)
        kept.save({"more": place})
        expected = dict(before)
        expected["more"] = place
        check.equal(State(_PATH).values, expected, place)


def test_a_file_of_anything_else_is_the_empty_state():
    flash = Flash()
    for content in (
        b"",
        b"\n\n",
        b"\0" * 300,
        b"\xff" * 300,
        b'{"seq": 1}\n',
        b"00000000\n",  # the CRC-32 of nothing
        b"%08x[7]\n" % crc32(b"[7]"),
        b"%08x7\n" % crc32(b"7"),
    ):
        flash.files = {_PATH: content}
        kept = State(_PATH)
        check.equal(kept.values, {}, content)
        kept.save({"a": 1})
        check.equal(State(_PATH).values, {"a": 1}, content)


def test_the_file_never_grows_beyond_its_limit():
    flash = Flash()
    kept = State(_PATH, limit_bytes=200)
    kept.save({"token": "x" * 32})
    for number in range(50):
        kept.save({"n": number})
        assert len(flash.files[_PATH]) <= 200
        check.equal(State(_PATH, 200).values, {"token": "x" * 32, "n": number})
    check.equal(list(flash.files), [_PATH])


def test_values_larger_than_the_limit_are_kept_all_the_same():
    Flash()
    kept = State(_PATH, limit_bytes=100)
    for number in range(3):
        kept.save({"token": "x" * 150, "n": number})
        check.equal(State(_PATH, 100).values, {"token": "x" * 150, "n": number})


def _lives(replaces):
    """Cuts the power at each step of a history with rewrites; what follows must be whole."""
    history = [{"token": "a" * 40, "n": 0}] + [{"n": n} for n in range(1, 9)] + [{"token": "b"}]
    moments = _moments(history)
    cut = 0
    while True:
        flash = Flash(replaces)
        flash.cut_in = cut
        done = 0
        try:
            kept = State(_PATH, limit_bytes=110)
            for changes in history:
                kept.save(changes)
                done += 1
        except PowerCut:
            pass
        if done == len(history):
            return cut
        # The next start is cut as well, at its first or second step.
        flash.cut_in = cut % 2
        try:
            State(_PATH, limit_bytes=110)
        except PowerCut:
            pass
        flash.cut_in = None
        kept = State(_PATH, limit_bytes=110)
        assert kept.values in moments[done : done + 2], (cut, kept.values, flash.files)
        assert _SPARE not in flash.files
        kept.save({"n": "again"})
        check.equal(State(_PATH, 110).values["n"], "again")
        cut += 1


def test_a_power_cut_at_any_byte_leaves_the_old_values_or_the_new():
    assert _lives(True) > 200


def test_so_it_does_where_rename_does_not_replace_a_file():
    assert _lives(False) > 200


def test_what_an_interrupted_rewrite_left_never_comes_back():
    flash = Flash()
    State(_PATH).save({"n": 1})
    flash.files[_SPARE] = flash.files[_PATH]
    kept = State(_PATH)
    kept.save({"n": 2})
    del flash.files[_PATH]  # by a person who wants to begin anew
    check.equal(State(_PATH).values, {})


def test_a_full_flash_is_a_clear_error_and_changes_nothing():
    for full_in in range(20):
        flash = Flash()
        kept = State(_PATH)
        kept.save({"secret": "hush"})
        check.equal(kept.reserve("seq", 2), 0)
        flash.full_in = full_in
        error = check.raises(SignetError, kept.save, {"secret": "hush hush", "seq": 100})
        assert _PATH in str(error) and "full" in str(error) and "hush" not in str(error)
        check.equal(kept.values, {"secret": "hush", "seq": 2})
        check.equal(State(_PATH).values, {"secret": "hush", "seq": 2})
        flash.full_in = None
        check.equal(kept.reserve("seq", 2), 1)
        kept.save({"late": True})
        check.equal(State(_PATH).values, {"secret": "hush", "seq": 2, "late": True})


def test_what_a_full_flash_does_not_take_is_kept_in_memory_and_told():
    flash = Flash()
    kept = State(_PATH)
    kept.save({"token": "old", "n": 1})
    flash.full_in = 0
    lines = []
    kept.keep({"token": None, "late": True}, lines.append)
    check.equal(kept.values, {"n": 1, "late": True})
    check.equal(State(_PATH).values, {"token": "old", "n": 1})
    assert len(lines) == 1 and "not saved" in lines[0]
    flash.full_in = None
    kept.keep({"token": "new"}, lines.append)
    check.equal((State(_PATH).values["token"], len(lines)), ("new", 1))


def test_no_number_is_given_while_it_cannot_be_reserved():
    flash = Flash()
    kept = State(_PATH)
    flash.full_in = 0
    check.raises(SignetError, kept.reserve, "seq", 4)
    check.raises(SignetError, kept.reserve, "seq", 4)
    flash.full_in = None
    check.equal(kept.reserve("seq", 4), 0)


def test_numbers_are_written_once_a_block_and_skip_ahead_after_a_reset():
    flash = Flash()
    kept = State(_PATH)
    check.equal([kept.reserve("seq", 4) for _ in range(9)], list(range(9)))
    check.equal(flash.writes, 3)
    kept = State(_PATH)
    check.equal([kept.reserve("seq", 4), kept.reserve("mid", 8)], [12, 0])
    check.equal(kept.values, {"seq": 16, "mid": 8})


def test_saving_a_name_sets_the_number_that_comes_next():
    Flash()
    kept = State(_PATH)
    check.equal(kept.reserve("seq", 8), 0)
    kept.save({"seq": 500})
    check.equal([kept.reserve("seq", 8), kept.reserve("seq", 8)], [500, 501])


def _used_up(flash, cuts):
    """Reserves numbers over many lives; each must be greater than all before. Returns the last."""
    last = -1
    for cut in cuts:
        flash.cut_in = cut
        try:
            kept = State(_PATH, limit_bytes=90)
            for _ in range(7):
                number = kept.reserve("seq", 3)
                assert number > last, (number, last, cut)
                last = number
                kept.save({"token": "t%d" % number})
        except PowerCut:
            pass
    return last


def test_no_number_repeats_over_any_sequence_of_power_cuts():
    for replaces in (True, False):
        assert _used_up(Flash(replaces), range(400)) > 1000
    for first in range(0, 130, 7):
        for second in range(0, 130, 11):
            _used_up(Flash(False), (None, first, second, first, None))


# The real thing: file systems of MicroPython, on memory that loses power.

_BLOCK = 512


class Memory:
    """A block device; the power is gone in the middle of the write number `cut_in`."""

    def __init__(self, blocks):
        self.data = bytearray(blocks * _BLOCK)
        self.cut_in = None

    def readblocks(self, number, buffer, offset=0):
        start = number * _BLOCK + offset
        buffer[:] = memoryview(self.data)[start : start + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        length = len(buffer)
        if self.cut_in is not None:
            if self.cut_in <= 0:
                raise OSError(errno.EIO)  # and whatever follows does not reach the flash
            self.cut_in -= 1
            if self.cut_in == 0 and self.torn:
                length //= 2
        start = number * _BLOCK + offset
        self.data[start : start + length] = memoryview(buffer)[:length]

    def ioctl(self, operation, argument):
        return {4: len(self.data) // _BLOCK, 5: _BLOCK}.get(operation, 0)


def _on_real_flash(kind, blocks, torn, step):
    try:
        import os

        import vfs

        kind = getattr(vfs, kind)
        state.open = open
        files.os = os
    except (ImportError, AttributeError):
        check.skip("no such file system on this interpreter")
    memory = Memory(blocks)
    memory.torn = torn
    kind.mkfs(memory)
    used = set()
    path = "/flash/" + _PATH
    cut = 1
    while True:
        vfs.mount(kind(memory), "/flash")
        try:
            memory.cut_in = None
            kept = State(path, limit_bytes=300)
            if used:
                assert kept.values["token"] == "t" * 60
            if cut is None:
                break
            memory.cut_in = cut
            try:
                for _ in range(20):
                    number = kept.reserve("seq", 2)
                    assert number not in used, (number, cut)
                    if not used:
                        memory.cut_in = None
                        kept.save({"token": "t" * 60})
                        memory.cut_in = cut
                    used.add(number)
                cut = None
            except SignetError:
                cut += step
        finally:
            vfs.umount("/flash")
    return len(used)


def test_littlefs_keeps_values_whichever_write_the_power_cuts():
    assert _on_real_flash("VfsLfs2", 16, True, 1) > 20


def test_fat_keeps_values_whichever_sector_is_the_last_to_be_written():
    assert _on_real_flash("VfsFat", 60, False, 1) > 20
