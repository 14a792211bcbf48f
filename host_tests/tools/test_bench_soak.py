"""Does `signet bench soak` see what it judges: a heap that shrinks, reports that are missing?"""

import struct
import zlib

import pytest
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import command, soak
from tools.bench.picture import BLUE, Picture, Plot
from tools.bench.soak_cloud import WAYS
from tools.ui import UserError

_ALL_WELL = {
    "made": 100,
    "acknowledged": 100,
    "waiting": 0,
    "dropped": 0,
    "set_aside": 0,
    "refused": 0,
    "shortages": 0,
    "free": 20_000,
    "largest": 9000,
    "erases": 3,
}


def _row(missing=0, outages=(), trouble="", **changes):
    samples = []
    for second in range(30):
        said = dict(_ALL_WELL)
        for name, change in changes.items():
            said[name] = change(second) if callable(change) else change
        samples.append(soak.Sample(second, said))
    return soak.Row(WAYS[0], samples, list(outages), missing, 0, trouble)


def test_what_is_flat_and_whole_passes():
    assert _row().troubles() == []
    assert soak.verdict([_row()]) == "Flat, and nothing lost."
    assert _row(missing=3, dropped=2, set_aside=1).troubles() == []
    assert _row(free=lambda second: 20_000 - 600 * (second % 2)).troubles() == []
    assert _row(largest=lambda second: 9000 - 2000 * (second > 14)).troubles() == []
    short = _row(free=lambda second: 20_000 - 200 * second)
    assert short._replace(samples=short.samples[:23]).troubles() == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (_row(free=lambda second: 20_000 - 200 * second), "free fell by 4000 B"),
        (_row(largest=lambda second: 9000 - 200 * second), "largest fell by 4000 B"),
        (_row(missing=3, dropped=2), "1 reports lost"),
        (_row(refused=2), "2 reports refused"),
        (_row(trouble="it hangs"), "it hangs"),
    ],
)
def test_what_shrinks_or_is_missing_is_told(row, said):
    assert said in soak.verdict([_row(), row])


def test_heap_counts_while_all_is_well_after_the_first_outage():
    """Before it, code that it needs is not loaded yet; in it, reports pile up."""

    def free(second):
        return 30_000 if second < 3 else 20_000 if second < 28 else 10_000

    row = _row(free=free, outages=[(1, 2.5), (27.5, 40)])
    assert row.troubles() == []
    assert [sample.at_s for sample in row.calm()] == list(range(3, 28))
    piled_up = _row(free=free, waiting=lambda second: 9 * (second < 3 or second > 27))
    assert piled_up.troubles() == []


def test_erases_count_between_calm_samples():
    row = _row(erases=lambda second: second, waiting=lambda second: 9 * (second > 8))
    assert row.calm_erases == 8


def test_a_way_that_there_is_not_is_named():
    assert soak.chosen([]) == list(WAYS)
    with pytest.raises(UserError, match="no way amqp; use one of: mqtt,"):
        soak.chosen(["amqp"])


def _pixels(path):
    """Width, height and rows of a PNG, each chunk held against its CRC."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + content)
        chunks[kind] = content
        at += 12 + size
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == (width + 1) * height
    return width, height, [rows[y * (width + 1) + 1 :][:width] for y in range(height)]


def test_a_picture_is_a_png_with_the_line_where_its_values_are(tmp_path):
    drawn = Picture(120, 90)
    Plot(drawn, (20, 20, 80, 40), (100, 40), "s", "title").draw([(0, 20), (100, 20)], BLUE)
    drawn.save(tmp_path / "a.png")
    width, height, rows = _pixels(tmp_path / "a.png")
    assert (width, height) == (120, 90)
    assert {y for y, row in enumerate(rows) if BLUE in row} == {40, 41}
    assert rows[40][20:101] == bytes([BLUE]) * 81


def _soak(tmp_path, *arguments):
    picture = tmp_path / "soak.png"
    done = CliRunner().invoke(command.app, ["soak", "--picture", str(picture), *arguments])
    screens.look("bench soak", done.stdout)
    return done, _pixels(picture)


def test_a_short_soak_has_an_outage_and_leaves_a_picture(tmp_path):
    done, (width, _, _) = _soak(tmp_path, "--reports", "4000", "--way", "mqtt", "--outage", "1")
    assert "Flat, and nothing lost." in done.stdout and done.exit_code == 0, done.output
    (row,) = (line.split() for line in done.stdout.splitlines() if line.startswith(" MQTT"))
    stored, _, outages, lost = row[2:6]
    assert (stored, lost) == ("4000", "0,") and int(outages) >= 1
    assert width > 900


@pytest.mark.proof
def test_a_soak_of_half_a_minute_is_flat(tmp_path):
    done, _ = _soak(tmp_path, "--reports", "80000", "--way", "mqtt", "--outage", "5")
    assert done.exit_code == 0, done.output
    done, _ = _soak(tmp_path, "--reports", "20000", "--way", "coap", "--outage", "5")
    assert done.exit_code == 0, done.output
