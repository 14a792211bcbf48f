"""Does every channel keep net/stream.py's and net/datagram.py's contract: never a wait but `wait`?

One table of channels, and the same checks for all.  Time is made up: see check_contract.py.
"""

import check
import check_far as far
import check_modem_line
from check_contract import World, forget, places, starved
from check_modem import Bc660k, Bg95, Modem
from check_modem_families import Bc95, SaraR4
from check_sockets import ADDRESS, OF_DATAGRAMS, TROUBLES
from signet import clock

HEAP = "220k"
SERVERS = {
    "tls": ("tls", "good", "echo"),
    "wss": ("wss", "good", "echo"),
    "dtls": ("dtls", "good", "echo"),
}
# What is behind each; None for the real server of that name.
_STREAMS = (
    ("tcp", far.Echo),
    ("tls", None),
    ("ws", lambda: far.Web(far.Echo())),
    ("wss", None),
)
_DATAGRAMS = (("udp", far.EchoOfDatagrams), ("dtls", None))[: 1 + check.DTLS]
_MODEMS = (("bg95", Bg95), ("bc660k", Bc660k), ("bc95", Bc95), ("sara_r4", SaraR4))

_MS = 1000  # to open
_MANY = 1 << 20
_DRIP_MS = 10_000
_ERRORS = ("Lost", "TimedOut", "Untrusted", "Refused", "Throttled", "ProtocolError")


def _channels():
    """Yields (name, far side, whether it is a stream) of each."""
    for rows in (_STREAMS, _DATAGRAMS, _MODEMS):
        for name, made in rows:
            yield name, made, rows is _STREAMS
            forget()


class _Channel:
    """One channel in its world, a context manager."""

    def __init__(self, name, made, is_stream, **world):
        self.name, self.is_stream = name, is_stream
        end = None if made else check.server(name)
        self.world = World(made or end, name in ("ws", "wss"))
        for key, value in world.items():
            setattr(self.world, key, value)
        self.modem = None
        if not is_stream and issubclass(made or object, Modem):
            self.modem = made(far.EchoOfDatagrams())
        self._trust = None
        if end:
            from signet.net import trust

            with open(end["ca"], "rb") as file:
                self._trust = trust.context(file.read(), not is_stream)
        self.channel = None
        self.turn = 0  # which address
        is_slow = self.world.trouble and self.world.trouble[0] in ("drip", "narrow")
        self.ms = _DRIP_MS if is_slow or self.modem else _MS

    def __enter__(self):
        self.world.__enter__()
        if self.modem:
            check_modem_line.connect(self.modem, self.world)
        return self

    def __exit__(self, *error):
        if self.modem:
            check_modem_line.disconnect()
        self.world.__exit__()
        self.channel = None

    def make(self):
        deadline = clock.Deadline(self.ms)
        if self.is_stream:
            from signet.cloud.dial import connect

            config = {
                "host": "good.test",
                "address": None,
                "port": 443,
                "trust": self._trust,
                "websocket": self.name in ("ws", "wss"),
            }
            self.channel = self.step(connect, config, deadline)
            return
        if self.modem:
            from signet.net.modem.channel import ModemChannel

            settings = self.modem.settings()
            self.channel = self.step(ModemChannel, settings, "good.test", 5684, deadline)
            return
        from signet.net.datagram import UdpChannel

        self.channel = self.step(UdpChannel, "good.test", 5684, deadline, 1152, self.turn)
        if self._trust:
            from signet.net.dtls import DtlsChannel

            self.channel = self.step(DtlsChannel, self.channel, "good.test", self._trust, self.ms)

    def step(self, function, *arguments):
        """Calls what may take one step and must not wait."""
        return self.world.step(self.name, function, *arguments)

    def wait(self, sending, ms=500):
        world, channel = self.world, self.channel
        began, feeds = world.measure(), world.feeds
        if self.is_stream:
            channel.wait(4 if sending else 1, clock.Deadline(ms))
            assert world.feeds > feeds, self.name + " feeds no watchdog"
        else:
            channel.wait(ms)
        assert world.now() - began <= ms + world.step_calls, (self.name, world.now() - began)

    def asleep(self, sending):
        """As a task of asyncio would: until the socket shows bytes, where that is what counts."""
        channel = self.channel
        sock = channel.readable(sending)
        if channel.busy:
            return
        if sock is None:
            self.world.sleep(20)
        else:
            assert sock in self.world.sockets and sock.events(2000) & 1, "nothing would wake it"

    def opens(self, wait=None, most=None):
        """Sends until that is taken, at most so many steps; returns how many it took."""
        began = self.world.now()
        steps = 0
        while steps != most:
            steps += 1
            if self._sends():
                return steps
            assert self.world.now() - began < 2 * self.ms, self.name + " does not end"
            (wait or self.wait)(True)
        return steps

    def _sends(self):
        if self.is_stream:
            count = self.step(self.channel.write, b"ping")
            assert count in (None, 4), count
            return count
        if self.step(self.channel.send, b"ping"):
            return True
        self.step(self.channel.receive)
        return False

    def hears(self, size=4):
        """Returns what comes: so many bytes, or what came before the end or a long silence."""
        heard, buffer, end = b"", bytearray(64), self.world.now() + self.ms
        while len(heard) < size and self.world.now() < end:
            if self.is_stream:
                count = self.step(self.channel.readinto, buffer)
                if count == 0:
                    break
                heard += buffer[: count or 0]
            else:
                heard += self.step(self.channel.receive) or b""
            if len(heard) < size:
                self.wait(False)
        return heard

    def tries(self):
        """Opens, sends and hears; returns what came, or an error of the contract."""
        try:
            self.make()
            self.opens()
            return self.hears()
        except MemoryError as error:
            assert self.world.failing is not None
            return error
        except Exception as error:
            assert type(error).__name__ in _ERRORS, "{}: {!r}".format(self.name, error)
            return error

    def closes(self):
        for _ in range(2):
            if self.channel is not None:
                self.step(self.channel.close)
        assert not self.world.sockets, self.name + " leaves a socket open"


def test_it_opens_by_itself_and_only_wait_waits():
    for row in _channels():
        with _Channel(*row) as it:
            it.make()
            clock.proved = 0
            assert it.opens() > 1 or not it.is_stream, it.name + " opened at once"
            check.equal(it.hears(), b"ping", it.name)
            check.equal(clock.proved, int(it.name in ("tls", "wss", "dtls")), it.name)
            it.closes()


def test_busy_and_readable_say_when_there_is_something_to_do():
    for row in _channels():
        with _Channel(*row) as it:
            if it.is_stream:
                it.make()
                assert it.channel.readable(False) is None, "TCP is not open"
                it.opens(it.asleep)
                assert it.channel.readable(True) is None
                check.equal(it.hears(), b"ping", it.name)
                assert it.channel.readable(False) in it.world.sockets


def test_a_silent_address_costs_a_share_of_the_time_and_the_next_is_used():
    # RFC 8305 section 5, one after the other: two sockets at once would take the heap of two
    every = [("2001:db8::1", 1), ("192.0.2.1", 1), ADDRESS]
    for row in _channels():
        for wait in ("wait", "asleep"):
            with _Channel(*row, addresses=every) as it:
                if it.is_stream:
                    it.ms = 16_000
                    it.make()
                    it.opens(getattr(it, wait))
                    assert 7000 < it.world.now() < 10_000, (it.name, it.world.now())
                    check.equal(it.hears(), b"ping", it.name)
                    it.closes()
        with _Channel(*row, addresses=every[:2]) as it:
            if it.is_stream:
                assert "in time" in str(it.tries()), it.name
                it.closes()


def test_a_datagram_channel_takes_another_address_when_one_was_silent():
    for row in _channels():
        for turn in range(4):
            # IPv4 first
            with _Channel(*row, addresses=[("2001:db8::1", 1), ("192.0.2.1", 1), ADDRESS]) as it:
                if not it.is_stream and not it.modem:  # whose network has its own name server
                    it.turn = turn
                    heard = it.tries()
                    assert (heard == b"ping") == (turn == 1), (it.name, turn, heard)
                    it.closes()


def test_it_may_be_closed_at_each_step_and_twice():
    for row in _channels():
        with _Channel(*row) as it:
            it.make()
            steps = it.opens()
            it.closes()
            for most in range(steps + 1):
                it.make()
                it.opens(most=most)
                it.closes()


def _outcome(row, kind, at):
    with _Channel(*row, trouble=(kind, at)) as it:
        outcome = it.tries()
        if kind in ("drip", "narrow"):
            check.equal(outcome, b"ping", (it.name, kind, at))
        it.closes()
        return outcome


def test_whatever_the_peer_does_while_it_opens_it_opens_or_fails_in_time():
    for row in _channels():
        with _Channel(*row) as it:
            it.make()
            it.opens()
            it.hears()
            heard = it.world.heard
        for kind in TROUBLES if it.is_stream or it.modem else OF_DATAGRAMS:
            for at in places(heard, 20):
                _outcome(row, kind, at)


def test_a_server_that_is_unknown_refuses_or_never_answers_is_lost():
    for row in _channels():
        for state in ("unknown", "refused", "never") if row[2] else ("unknown",):
            with _Channel(*row, connects=state) as it:
                check.equal(type(it.tries()).__name__, "Lost", (it.name, state))
                it.closes()


def test_memory_may_run_out_at_each_call_of_a_socket():
    for row in _channels():
        with _Channel(*row, failing=_MANY) as it:
            it.tries()
            calls = _MANY - it.world.failing
        for failing in places(calls, 60):
            with _Channel(*row, failing=failing + 1) as it:
                it.tries()
                it.closes()


def test_memory_may_run_out_anywhere():
    if not check.MICROPYTHON:
        check.skip("its heap has no end")
    for row in _channels():
        for blocks in places(120, 40):
            with _Channel(*row) as it:
                it.make()
                it.opens(most=1)
                try:
                    starved(blocks, it.opens)
                except MemoryError:
                    pass
                it.closes()
