"""Does `signet bench modem` count what goes through a modem?"""

import pytest
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import modem
from tools.cli import app
from tools.modem.emulator import FAMILIES
from tools.ui import UserError, console


def test_each_family_reports_by_each_way_with_release_assistance_and_without():
    found = modem.cases([], [])
    assert len(found) == len(set(found)) == len(FAMILIES) * 2 * 2
    assert modem.cases(["bc66"], ["coap"]) == [("bc66", "coap", True), ("bc66", "coap", False)]
    for wrong in (["bc6"], []), ([], ["mqtt"]):
        with pytest.raises(UserError, match=r"no (bc6|mqtt); use one of: (bg95|coap)"):
            modem.cases(*wrong)


_RELEASE_S = 3.0


@pytest.fixture(scope="module")
def rows():
    said = []
    found = modem.measure(modem.cases(["bg95"], ["coap"]), _RELEASE_S, said.append)
    assert said == ["bg95, AES, with RAI", "bg95, AES, without RAI"]
    return found


def test_a_warm_report_is_one_datagram_up_and_one_down(rows):
    assert [(row.warm, row.up, row.down) for row in rows] == [(False, 2, 2), (True, 1, 1)] * 2
    for row in rows:
        assert 0 < row.air < row.line_out + row.line_in


def test_release_assistance_ends_the_connection_where_the_timer_would(rows):
    warm = {row.case.rai: row for row in rows if row.warm}
    there_and_back_s = 2 * 0.75
    assert there_and_back_s < warm[True].connected < there_and_back_s + _RELEASE_S
    assert warm[False].connected > there_and_back_s + _RELEASE_S - 0.5


def test_it_is_shown_in_80_columns():
    widest = modem.Row(
        modem.Case("sara_n2", "coaps", True), False, 12, 25, 9074, 65799, 11252, 129.3, 128.7
    )
    with console.capture() as shown:
        console.print(modem.table([widest]), *modem.code())
    lines = shown.get().splitlines()
    screens.look("bench modem", shown.get())
    for text in (
        "sara_n2",
        "DTLS, cold",
        "12+25",
        "128.7",
        "at and channel",
        "trouble, on demand",
    ):
        assert text in shown.get()
    missed = [line.split()[0] for line in lines if line.rstrip().endswith("missed")]
    why = [line for line in lines if line.startswith("Missed: ")]
    assert len(why) == len(missed) and all(". " in line.rstrip() for line in why)


def test_a_modem_that_there_is_not_is_one_line():
    result = CliRunner().invoke(app, ["bench", "modem", "--family", "nokia"])
    assert result.exit_code != 0
    assert "no nokia; use one of: bg95" in str(result.exception)
