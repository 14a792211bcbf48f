"""Does a board that finds no network, or no answer, go to sleep all the same, and lose nothing?"""

from host_tests.device.coap_programs import FAST, FRESH, numbers_of, reports
from host_tests.device.http_programs import Seen, none_missing

# As main.py, but awake for half a second only; a file tells which report it is.
PROGRAM = (
    FRESH
    + """
import board, signet

try:
    with open("n") as file:
        n = int(file.read())
except (OSError, ValueError):
    n = 0
with open("n", "w") as file:
    file.write(str(n + 1))
link = signet.open("device.json", board)
link.report({"n": n})
link.flush(500)
link.close()
print("asleep with", len(link.outbox))
board.deep_sleep(50)
"""
)


def test_reports_of_a_night_without_network_arrive_in_the_morning(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "coap", deep_sleep=True, max_retransmit=1, **FAST), PROGRAM)
    reports(twin, 2, after)
    twin.fault("set_losses", drop=1.0)
    try:
        device.wait_for("asleep with 3")
    finally:
        twin.fault("set_losses")
    device.wait_for(r"asleep with [3-9]\n(?:.*\n)*asleep with 0")
    stored = reports(twin, 6, after)
    numbers = numbers_of(stored)
    assert sorted(set(numbers)) == list(range(max(numbers) + 1)), device.output()


def test_a_report_that_found_no_answer_keeps_its_alink_id_while_the_board_sleeps(
    device, twin, config
):
    seen = Seen(twin, "alibaba")
    twin.fault("misbehave_http", cloud="alibaba", path="topic", how="silent")
    device.run(config("alibaba", "https", deep_sleep=True), PROGRAM)
    device.wait_for(r"asleep with 1\n(?:.*\n)*asleep with 0")
    (again,) = seen.stored(1, dup=True)
    assert [message["payload"] for message in seen.stored()].count(again["payload"]) == 2
    assert none_missing(seen.numbers())
