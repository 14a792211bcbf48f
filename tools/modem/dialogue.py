"""How does a modem take AT commands?  Lines, echo, prompts, results: what all families share.

ITU-T V.250; results as in 3GPP TS 27.007, 9.2. A family is a class whose methods are commands,
each under the line of its manual's table, see `at`.
"""

import asyncio
import random
import re
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar

from tools.modem import grammar
from tools.modem.line import Line
from tools.modem.switches import Switches

_LONGEST_LINE = 4096
_DATA_S = 60.0
_CTRL_Z, _ESCAPE = 0x1A, 0x1B
_MOST_EVENTS = 10_000
_EXTENDED = re.compile(r"([+*#]\w+)(=\?|\?|=)?(.*)", re.DOTALL)

Handler = Callable[..., Awaitable[None]]
Fields = tuple[grammar.Kind | grammar.Optional, ...]
Settings = dict[str, tuple[Fields, str]]
"""Commands that only keep a value: its fields, and what it is at first."""


class Refused(Exception):  # noqa: N818 - not an error of ours
    """A command that the modem's state does not allow. number: of +CME ERROR; None: `ERROR`."""

    def __init__(self, number: int | None = None) -> None:
        super().__init__(number)
        self.number = number


def at(form: str, *kinds: grammar.Kind | grammar.Optional) -> Callable[[Handler], Handler]:
    """The method below answers this form of a command: "+CSQ", "+CSQ?" or "+CPSMS=" with fields.

    The core says OK when it returns, unless `final` was said.
    """

    def register(handler: Handler) -> Handler:
        handler.__dict__.setdefault("forms", []).append((form, kinds))
        return handler

    return register


class Dialogue:
    """What a modem says and hears on its line.

    Attributes: counts; malformed: command lines no manual allows, with the reason; events.
    """

    echoes: ClassVar[bool] = True
    """After power on."""
    echoes_data: ClassVar[bool] = True
    """While echo is on, what follows a prompt is echoed too."""
    colon: ClassVar[str] = ": "
    """Between a name and its value."""
    each_ok: ClassVar[bool] = False
    """Commands on one line are answered OK each."""
    settings: ClassVar[Settings] = {}
    busy: ClassVar[int] = 3
    """+CME ERROR of a command that must wait."""
    unknown: ClassVar[int | None] = None
    """+CME ERROR of a command that there is not; None: `ERROR`."""
    elsewhere: ClassVar[tuple[str, ...]] = ()
    """Commands that a sister has, and this modem has not."""
    error_texts: ClassVar[dict[int, str]] = {}

    def __init__(self, switches: Switches) -> None:
        self.counts: Counter[str] = Counter()
        self.malformed: list[str] = []
        self.events: deque[tuple[float, str, str]] = deque(maxlen=_MOST_EVENTS)
        self.on_event: Callable[[str, str], None] = lambda kind, text: None
        self.line = Line(self._hear, switches, self.counts)
        self._started = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._asides: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._table: dict[str, tuple[Fields, Handler]] = {}
        self._keeps: Settings = {}
        for kind in reversed(type(self).__mro__):
            self._keeps |= kind.__dict__.get("settings", {})
            for name, method in kind.__dict__.items():
                for form, kinds in getattr(method, "forms", ()):
                    self._table[form] = kinds, getattr(self, name)

    def change(self, switches: Switches) -> None:
        """From now on these things go wrong."""
        self.switches = switches
        self.random = random.Random(f"{switches.seed} modem")  # noqa: S311
        self.line.change(switches)

    def forget(self) -> None:
        """What is forgotten at a reset."""
        self.echo = self.echoes
        self.kept = {name: first for name, (_, first) in self._keeps.items()}
        self.first_lost = self.switches.first_lost
        self.finished = False
        self._buffer = bytearray()
        self._want: int | None = None  # bytes of data; -1: until Ctrl-Z
        self._data_from = 0.0
        self._too_soon = False
        self._data: asyncio.Future[bytes] | None = None
        self._held: list[bytes] = []

    def interrupt(self) -> None:
        """Leave the command that runs, and all that is under way on the line."""
        for task in (self._task, *self._asides):
            if task is not None:
                task.cancel()
        self._task = None
        self.line.clear()

    def close(self) -> None:
        """End it."""
        self.interrupt()
        for timer in self._timers:
            timer.cancel()
        self.line.close()

    # What the rest of the modem adds.

    def hears(self) -> bool:
        """Is anybody there for what comes?"""
        raise NotImplementedError

    def reboot(self) -> None:
        """Reset in the middle of whatever it does."""
        raise NotImplementedError

    def upset(self) -> None:
        """A command begins: what goes wrong then?"""

    def noises(self) -> list[tuple[str, str]]:
        """Lines that may come at any time."""
        raise NotImplementedError

    def later(self, seconds: float, act: Callable[..., None], *arguments: Any) -> None:
        """Have that done in a while, unless the modem is closed meanwhile."""

        def do() -> None:
            self._timers.discard(timer)
            act(*arguments)

        timer = asyncio.get_running_loop().call_later(seconds, do)
        self._timers.add(timer)

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Have that done while other commands are taken, unless a reset comes before its end."""
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    def event(self, kind: str, text: str) -> None:
        """Note something for whoever watches."""
        self.events.append((time.monotonic() - self._started, kind, text))
        self.on_event(kind, text)

    def chance(self, share: float) -> bool:
        """Does it happen this time?"""
        return self.random.random() < share

    # What it says.

    def info(self, name: str | None, value: str = "") -> None:
        """A line of an answer; without a name, the value alone."""
        self._noise()
        text = value if name is None else f"{name}{self.colon}{value}"
        self.event("answer", text)
        self.line.write(b"\r\n%b\r\n" % text.encode("latin-1"))

    def final(self, text: str) -> None:
        """The result of a command, if it is another than OK."""
        self._noise()
        self.finished = True
        self.event("answer", text)
        self.line.write(b"\r\n%b\r\n" % text.encode())

    def urc(self, name: str, value: str = "", data: bytes | None = None) -> None:
        """An unsolicited line, with what follows it."""
        text = f"{name}{self.colon}{value}" if value else name
        line = b"\r\n%b\r\n" % text.encode("latin-1")
        if data is not None:
            line += data + b"\r\n"
        self.event("urc", text)
        if self._want is None:
            self.line.write(line)
        else:
            self._held.append(line)

    def urc_data(self, name: str, value: str, data: bytes | None = None) -> None:
        """An unsolicited line that says that data have come: it may get lost, or come twice."""
        if self.chance(self.switches.urc_loss):
            self.counts["urc_lost"] += 1
            return
        self.urc(name, value, data)
        if self.chance(self.switches.urc_double):
            self.urc(name, value, data)

    def _noise(self) -> None:
        if self.chance(self.switches.noise):
            self.counts["noise"] += 1
            name, value = self.random.choice(self.noises())
            self.urc(name, value)

    def garbage(self) -> None:
        """Bytes that mean nothing."""
        self.line.write(bytes(self.random.randrange(256) for _ in range(8)).replace(b"AT", b"at"))

    # What it hears.

    def _hear(self, data: bytes) -> None:
        if not self.hears():
            return
        now = time.monotonic()
        for byte in data:
            if self._want is not None:
                self._take_data(byte, now)
            elif self._task is not None:
                self.counts["unheard"] += 1  # it is busy
            else:
                self._take_command(byte)

    def _take_command(self, byte: int) -> None:
        if self.echo or self.switches.echo:
            self.line.write(bytes((byte,)))
        if byte != 13:
            if byte != 10 and len(self._buffer) < _LONGEST_LINE:
                self._buffer.append(byte)
            return
        line, self._buffer = self._buffer.decode("latin-1").strip(), bytearray()
        if line and self.first_lost:
            self.first_lost = False
        elif match := re.search("AT", line, re.IGNORECASE):
            self._start(line[match.end() :].strip())
        elif line:
            self.event("ignored", line)

    def _start(self, body: str) -> None:
        self.event("command", f"AT{body}")
        self.counts["commands"] += 1
        if body and self.chance(self.switches.reboot):
            self.line.write(b"\r\n+")
            self.reboot()
            return
        self.upset()
        self._task = asyncio.get_running_loop().create_task(self._run(body))

    async def _run(self, body: str) -> None:
        """Carry out one command line, whatever comes of it."""
        await asyncio.sleep(self.switches.answer_s)
        try:
            if body[:1] in "+*#" and body and self.chance(self.switches.cme_error):
                raise Refused(self.busy)
            # A name starts each; so what stands in quotes parts nothing.
            for command in re.split(r";(?=[+*#])", body):
                self.finished = False
                await self._carry_out(command)
                if self.each_ok and not self.finished:
                    self.final("OK")
            if not self.finished:
                self.final("OK")
        except Refused as refused:
            self._refuse(refused.number)
        except ValueError as error:
            self._not_allowed(f"AT{body}: {error}")
            self._refuse(50)
        except KeyError as error:
            if error.args[0] not in self.elsewhere:
                self._not_allowed(f"AT{body}: no such command")
            self._refuse(self.unknown)
        self._task = None

    def _not_allowed(self, text: str) -> None:
        self.malformed.append(text)
        self.event("malformed", text)

    def _refuse(self, number: int | None) -> None:
        mode = self.kept.get("+CMEE", "0")
        if number is None or mode == "0":
            self.final("ERROR")
        elif mode == "1":
            self.final(f"+CME ERROR: {number}")
        else:
            self.final(f"+CME ERROR: {self.error_texts.get(number, 'Unknown')}")

    async def _carry_out(self, command: str) -> None:
        match = _EXTENDED.fullmatch(command)
        if match is None:
            await self._table[command.upper()][1]()
            return
        name, sign, rest = match[1].upper(), match[2] or "", match[3]
        if rest and sign != "=":
            raise ValueError(f"{rest!r} follows")
        if name + sign in self._table:
            kinds, handler = self._table[name + sign]
            await handler(*(grammar.read(kinds, rest) if sign == "=" else ()))
        elif sign == "=?" and (name in self._keeps or name + "=" in self._table):
            return
        elif name in self._keeps and sign == "=":
            grammar.read(self._keeps[name][0], rest)
            self.kept[name] = rest
        elif name in self._keeps and sign == "?":
            self.info(name, self.kept[name])
        else:
            raise KeyError(name)

    async def data(self, count: int, prompt: str, deaf_s: float = 0.0) -> bytes:
        """Ask for so many bytes, -1 for all up to Ctrl-Z.

        deaf_s: what comes sooner after the prompt is lost.
        raises: Refused: they did not come, or ESC came.
        """
        self._noise()
        self._buffer.clear()
        self._data_from = time.monotonic() + deaf_s  # before: who reads the prompt may be quick
        self.line.write(b"\r\n" + prompt.encode())
        self._want = count
        self._too_soon = False
        self._data = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(self._data, _DATA_S)
        except TimeoutError:
            raise Refused from None
        finally:
            self._want = self._data = None
            self._buffer.clear()
            for line in self._held:
                self.line.write(line)
            self._held.clear()

    def _take_data(self, byte: int, now: float) -> None:
        assert self._want is not None
        if self._data is None or self._data.done():
            return
        if now < self._data_from:
            if not self._too_soon and byte != _ESCAPE:  # which is no data
                self._not_allowed("data too soon after the prompt")
            self._too_soon = True
            return
        if (self.echo or self.switches.echo) and self.echoes_data:
            self.line.write(bytes((byte,)))
        if self._want < 0 and byte in (_CTRL_Z, _ESCAPE):
            if byte == _CTRL_Z:
                self._data.set_result(bytes(self._buffer))
            else:
                self._data.set_exception(Refused())
            return
        self._buffer.append(byte)
        if len(self._buffer) == self._want:
            self._data.set_result(bytes(self._buffer))
