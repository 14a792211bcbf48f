"""How does the demo show a board and a plain broker, with no cloud between them?"""

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from tools.board.deploy import deploy, project_files
from tools.board.virtual import VirtualBoard
from tools.json_file import read_object
from tools.mosquitto import Message, arriving, device_json, plain_broker, publish
from tools.ui import UserError, visible

TITLE = "Any broker, MQTT: plain mosquitto"

_REPORTS = 3
_TIMEOUT_S = 60
_COMMAND = '{"led": 1}'


def show(board: VirtualBoard, folder: Path, table: Callable[[str, int], Table]) -> Table:
    """Deploy to a board that has power; three reports arrive, one command is obeyed.

    folder: for the broker's files, device.json one of them.
    table: makes an empty one, of a title and the number of files deployed.
    returns: it, filled. raises: UserError when something does not come in time.
    """
    config = read_object(device_json(folder, port=0))
    with plain_broker(folder), arriving(folder, _TIMEOUT_S) as messages:
        files = project_files(config | {"report_interval_s": 1}, None, board.kind)
        filled = table(TITLE, deploy(board.device, files))
        for number in range(1, _REPORTS + 1):
            topic, payload = _next(messages, board, "/report")
            filled.add_row(f"report {number} as it arrived", _said(topic, payload))
        topic = f"signet/{config['client_id']}/command/set"
        printed = board.printed
        publish(folder, topic, _COMMAND)
        obeyed = board.wait_for(r"^command set: .*(?=\n)", _TIMEOUT_S, printed)[0]
        filled.add_row("command sent", _said(topic, _COMMAND.encode()))
        filled.add_row("board", Text(visible(obeyed)))
        filled.add_row("answer as it arrived", _said(*_next(messages, board, "/answer/set")))
    return filled


def _next(messages: Iterator[Message], board: VirtualBoard, last: str) -> Message:
    """The next message whose topic ends so."""
    for message in messages:
        if message.topic.endswith(last):
            return message
    tail = "\n".join(board.output().splitlines()[-10:])
    raise UserError(
        f"no message to ...{last} arrived at mosquitto in time; the board printed:\n{tail}"
    )


def _said(topic: str, payload: bytes) -> Text:
    text = f"{topic}\n{payload.decode(errors='backslashreplace')}"
    return Text(visible(text, lines=True))
