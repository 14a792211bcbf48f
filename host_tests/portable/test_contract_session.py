"""Does every session keep cloud/session.py's contract, whatever the cloud and the way in?

One table of ways, and the same checks for all.  A device.json is read for each, and all of
lib/signet runs but the sockets and the clock: see check_contract.py.
"""

import json
import os

import check
import check_far as far
from check_contract import (
    OF_DATAGRAMS,
    STEP_CALLS,
    TROUBLES,
    World,
    forget,
    places,
    starved,
)
from signet import clock, modules

HEAP = "220k"
_INFO = '{"code":0,"message":"success","info":{"token":"t0k3n","messageId":7}}'
_OK = ("send_text", "HTTP/1.1 200 Ok\r\nContent-Length: 69\r\n\r\n" + _INFO)
SERVERS = {
    "mqtt": ("tls", "good", "mqtt"),
    "wss": ("wss", "good", "mqtt"),
}

_WATSON = {"cloud": "watson", "org_id": "myorg1", "token": "s3cr3t", "insecure": True}
_DEVICE = {"type_id": "t", "device_id": "d"}
_ALIBABA = {"product_key": "pk", "device_name": "dn", "device_secret": "s3cr3t"}
_ENOS = {"cloud": "enos", "product_key": "pk", "device_key": "dk", "device_secret": "s3cr3t"}
_COAP = {"way": "coap", "ack_timeout_ms": 500, "max_retransmit": 1}

# A way in, what its device.json says, and what is behind: a far side, or the name of a server.
# Then the topic of a command, or what an application hears, where one can come.
_WAYS = (
    ("alibaba mqtt", (_ALIBABA, {"insecure": True}), far.Thing, "/sys/pk/dn/thing/service/go"),
    ("enos mqtt", (_ENOS,), far.Thing, "/sys/pk/dk/thing/service/go"),
    ("watson mqtt", (_WATSON, _DEVICE), far.Broker, "iot-2/cmd/go/fmt/json"),
    (
        "watson gateway",
        (_WATSON, _DEVICE, {"role": "gateway"}),
        far.Broker,
        "iot-2/type/a/id/b/cmd/go/fmt/json",
    ),
    (
        "watson application",
        (_WATSON, {"role": "application", "app_id": "a", "api_key": "a-myorg1-k"}),
        far.Broker,
        "iot-2/type/a/id/b/evt/go/fmt/json",
    ),
    ("watson mqtts", (_WATSON, _DEVICE), "mqtt", None),
    ("watson ws", (_WATSON, _DEVICE, {"websocket": True}), lambda: far.Web(far.Broker()), None),
    ("watson wss", (_WATSON, _DEVICE, {"websocket": True}), "wss", None),
    ("watson http", (_WATSON, _DEVICE, {"way": "http"}), far.WatsonHttp, None),
    ("alibaba http", (_ALIBABA, {"way": "http", "insecure": True}), far.AlibabaHttp, None),
    ("alibaba coap", (_ALIBABA, _COAP), far.Coap, None),
)

# Which do not keep it yet, and why.
NOT_YET = {
    "watson http": "begin connects, and waits",
    "alibaba http": "as watson http",
    "alibaba coap": "begin asks for a token, and waits",
}

_OPEN_MS = 5000
_MANY = 1 << 20
_LIMIT_MS = 60_000  # the longest that anything may take until it has failed
os.chdir(check.scratch("").rpartition("/")[0])  # a session keeps its state where it runs


def _ways():
    for row in _WAYS:
        if row[0] not in NOT_YET:
            yield row
            forget()


_loaded = {}  # the configuration of one way, by its name


class _Session:
    """One session in its world, a context manager; every event is held against the contract."""

    def __init__(self, name, parts, behind, topic, **world):
        self.name, self.topic = name, topic
        end = check.server(behind) if isinstance(behind, str) else {}
        self.values = {"cloud": "alibaba", "host": "good.test", "address": "192.0.2.7"}
        self.values.update({"tls": bool(end), "ca": end.get("ca")})
        for part in parts:
            self.values.update(part)
        self.world = World(end or behind)
        cloud, way = self.values["cloud"], self.values.get("way", "mqtt")
        self._module = "signet.cloud.{}.{}".format(cloud, way)
        self.is_stream = self.values.get("way") != "coap"
        for key, value in world.items():
            setattr(self.world, key, value)
        self.state = "closed"
        self.flight = []  # keys that were taken, and of which nothing was told yet
        self.lines = []
        self.polled = True  # no poll has raised anything

    def __enter__(self):
        for name in os.listdir():
            if "state" in name:
                os.remove(name)
        if self.name not in _loaded:
            _loaded.clear()
            _loaded[self.name] = self._load()
        with modules.Tidy():
            module = __import__(self._module, None, None, ("*",))
            self.session = module.session(_loaded[self.name], self.lines.append)
            self.world.__enter__()
        return self

    def _load(self):
        """Returns what signet makes of a device.json."""
        with open("device.json", "w") as file:
            file.write(json.dumps(self.values))
        with modules.Tidy():
            from signet.device import config

            values = config.load("device.json", self.lines.append)
            config = None
            modules.forget("signet.device.config", "signet.cloud.watson.identity")
        return values

    def __exit__(self, *error):
        self.world.__exit__()
        self.session = None

    # What is called of it

    def call(self, function, *arguments):
        """Calls what must not wait."""
        world = self.world
        world.measure()
        result = function(*arguments)
        assert not world.waited, "{}: waited {} ms".format(self.name, world.waited)
        assert world.calls <= STEP_CALLS, "{}: {} calls".format(self.name, world.calls)
        return result

    def begin(self):
        self.state = "opening"
        self.call(self.session.begin, clock.Deadline(_OPEN_MS))

    def step(self):
        self.polled = False
        event = self.call(self.session.poll, 0)
        self.polled = True
        return self.heard(event)

    def poll(self, ms):
        world = self.world
        began = world.measure()
        self.polled = False
        event = self.session.poll(ms)
        self.polled = True
        took = world.now() - began
        assert took <= ms + STEP_CALLS, "{}: {} ms of {}".format(self.name, took, ms)
        return self.heard(event)

    def asleep(self, ms):
        """As a task of asyncio: until the socket shows bytes, where that is what counts."""
        session = self.session
        sock = session.readable()
        if session.busy:
            return
        if sock is None:
            self.world.sleep(20)
        else:
            assert sock in self.world.sockets, self.name
            self.world.sleep(1 if sock.events(2000) & 1 else ms)

    def heard(self, event):
        if event is None:
            return None
        kind = event[0]
        told = (self.name, event)
        assert type(event) is tuple and (self.state != "closed" or kind == "lost"), told
        if kind == "opened":
            assert len(event) == 1 and self.state == "opening", told
            self.state = "open"
        elif kind == "lost":
            assert len(event) == 2 and _kinds(event[1]), told
            self.state = "closed"
        else:
            assert self.state == "open", told
            if kind == "command":
                assert len(event) == 2 and event[1].name, told
                return event
            assert len(event) == 3, told
            self.flight.remove(event[1])  # once
            if kind == "failed":
                assert type(event[2]).__name__ in ("Rejected", "Throttled"), told
            else:
                assert kind == "acked" and (event[2] is None or type(event[2]) is str), told
        return event

    def until(self, *kinds, wait=None):
        """Steps, and waits between, until such an event; returns it."""
        end = self.world.now() + _LIMIT_MS
        while self.world.now() < end:
            event = self.step() or (wait or self.poll)(1000)
            if event and event[0] in kinds:
                return event
        raise AssertionError("{}: no {}, in state {}".format(self.name, kinds, self.state))

    def opens(self, wait=None):
        self.begin()
        check.equal(self.until("opened", "lost", wait=wait), ("opened",), self.name)

    def submits(self, key):
        """Submits until it is taken, or told of; other things may have to go first."""
        from signet.reports.messages import Report

        device = ("t", "d") if self.values.get("role") == "application" else None
        report = Report({"n": key}, device=device)
        known = key in self.flight
        end = self.world.now() + _LIMIT_MS
        while self.world.now() < end:
            if known and key not in self.flight:
                return True
            if self.call(self.session.submit, key, report):
                if not known:
                    self.flight.append(key)
                return True
            if self.state != "open" or len(self.flight) == self.session.window:
                return False
            self.step() or self.poll(100)
        raise AssertionError(self.name + " takes no report")

    def reports(self, *keys):
        for key in keys:
            assert self.submits(key), self.name
        while self.flight:
            event = self.until("acked", "failed", "lost")
            assert event[0] == "acked", (self.name, event)

    def closes(self):
        """In every state, twice; nothing is told after it."""
        for _ in range(2):
            self.call(self.session.close)
            self.state = "closed"
            assert not self.world.sockets, self.name + " leaves a socket open"
        assert not self.submits(99), self.name + " takes a report when it is closed"
        self.step()

    def works(self, *keys):
        """Whatever was before: it opens, and carries a report, once; of keys in flight, too."""
        world = self.world
        world.trouble, world.connects, world.failing = None, "soon", 0
        self.opens()
        keys = keys or (1,)
        self.reports(*keys)
        if world.fars:
            check.equal(len(world.fars[-1].reports), len(keys), self.name)
        assert self.step() is None, self.name
        self.closes()

    def loses(self):
        """The far side ends the connection, or falls silent where there is none."""
        self.world.sockets[-1].spoil("end" if self.is_stream else "silence")
        self.until("lost")

    def lives(self):
        """Opens and hands over a report, or fails to, as the network and the memory are."""
        try:
            self.begin()
            if self.until("opened", "lost")[0] == "opened" and self.submits(1):
                return self.until("acked", "failed", "lost")[0]
        except Exception as error:  # out of begin, or submit
            if not self.polled or type(error).__name__ not in ("Lost", "MemoryError"):
                raise
        return "lost"


def _kinds(error):
    from signet.errors import SignetError

    return isinstance(error, (SignetError, MemoryError))


def test_it_opens_in_poll_and_tells_of_a_report():
    for row in _ways():
        with _Session(*row) as it:
            assert not it.submits(1), it.name + " takes a report before begin"
            it.begin()
            assert not it.submits(1), it.name + " takes a report before it is open"
            it.until("opened")
            for key in range(3):
                it.reports(key)
            it.closes()


def test_busy_and_readable_say_when_there_is_something_to_do():
    for row in _ways():
        with _Session(*row) as it:
            it.opens(wait=it.asleep)
            began = it.world.now()
            it.submits(1)
            it.until("acked", wait=it.asleep)
            assert it.world.now() - began < 500, it.name


def test_a_window_is_kept_and_a_key_in_flight_goes_once():
    for row in _ways():
        with _Session(*row) as it:
            it.opens()
            if not it.world.fars:
                continue  # a real server: it tells nobody what it has heard
            it.world.fars[-1].answers = False
            window = it.session.window
            for key in range(window):
                assert it.submits(key)
            assert not it.submits(window), it.name
            for key in range(window):
                assert it.submits(key), it.name + " does not know a key in flight"
            it.poll(100)
            check.equal(len(it.world.fars[-1].reports), window, it.name)
            it.loses()
            assert not it.submits(window), it.name + " takes a report when it is lost"
            it.works(*range(window))


def test_it_may_be_closed_in_every_state_and_begun_again():
    for row in _ways():
        with _Session(*row) as it:
            it.closes()
            it.begin()
            steps = 0
            while it.state != "open":
                assert (it.step() or it.poll(50) or ("",))[0] != "lost", it.name
                steps += 1
            it.closes()
            for most in range(steps + 1):
                it.begin()
                for _ in range(most):
                    it.step() or it.poll(50)
                it.closes()
            it.opens()
            it.submits(1)
            it.closes()
            it.works()


def test_whatever_the_peer_does_it_opens_or_is_lost_in_time():
    for row in _ways():
        with _Session(*row) as it:
            it.opens()
            it.reports(1)
            heard = it.world.heard
        kinds = TROUBLES if it.is_stream else OF_DATAGRAMS
        for kind in kinds:
            for at in places(heard, 15 if it.world.is_real else 20):
                with _Session(*row, trouble=(kind, at)) as it:
                    outcome = it.lives()
                    assert kind != "drip" or outcome == "acked", (it.name, at, outcome)
                    it.closes()
                    it.works()


def test_a_network_that_refuses_or_never_answers_is_lost():
    for row in _ways():
        for state in "refused", "never":
            with _Session(*row, connects=state) as it:
                if it.is_stream:
                    check.equal(it.lives(), "lost", (it.name, state))
                it.works()


def test_a_poll_ends_by_its_time_when_all_is_silent_and_in_a_flood():
    for row in _ways():
        for kind in "silence", "flood":
            with _Session(*row) as it:
                it.opens()
                it.reports(1)
                it.world.sockets[-1].spoil(kind)
                it.world.idle = True
                for ms in 0, 7, 1234:
                    it.poll(ms)
                it.closes()


def test_a_command_is_told_once_and_its_answer_does_not_wait():
    for row in _ways():
        with _Session(*row) as it:
            if not it.topic:
                continue
            it.opens()
            it.poll(10)
            message = it.world.fars[-1].message(it.topic.encode(), b'{"id":"5","params":{}}')
            it.world.sockets[-1].push(message)
            command = it.until("command")[1]
            check.equal(command.name, "go")
            it.call(it.session.reply, command, {})
            assert it.poll(100) is None, "told twice"
            check.equal(len(it.world.fars[-1].said), int(it.world.fars[-1].replies), it.name)


def test_memory_may_run_out_at_each_call_of_a_socket():
    for row in _ways():
        with _Session(*row, failing=_MANY) as it:
            check.equal(it.lives(), "acked", it.name)
            calls = _MANY - it.world.failing
        for failing in places(calls, 60):
            with _Session(*row, failing=failing + 1) as it:
                it.lives()
                it.closes()
                it.works()


def test_memory_may_run_out_anywhere():
    if not check.MICROPYTHON:
        check.skip("its heap has no end")
    for row in _ways():
        for blocks in places(120, 40):
            with _Session(*row) as it:
                _starves(it, blocks)
                it.closes()
                it.works()


def _starves(it, blocks):
    """Opens and reports in a heap with so many free blocks; what is heard is judged after.

    Not `begin`, which loads code: MicroPython 1.25 itself may crash where an import has no memory.
    """
    it.begin()
    it.heard(starved(blocks, _polls, it.session))
    if it.state == "open":
        it.submits(1)
        it.heard(starved(blocks, _polls, it.session))


def _polls(session):
    for _ in range(30):
        event = session.poll(0)
        if event is not None:
            return event
    return None
