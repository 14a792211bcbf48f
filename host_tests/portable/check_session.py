"""How is a session played through its life, every event held against cloud/session.py?

    with Session(*way, trouble=("silence", 0)) as it:     as a row of test_contract_session.py
        it.opens()
        it.reports(1)

A device.json is read for it, and all of lib/signet runs but the sockets and the clock.
"""

import json
import os

import check
from check_contract import World
from signet import clock, modules

_OPEN_MS = 5000
_LIMIT_MS = 60_000  # the longest that anything may take until it has failed
os.chdir(check.scratch("").rpartition("/")[0])  # a session keeps its state where it runs

_FAILURES = "Rejected", "Throttled", "ProtocolError", "MemoryError", "TimedOut"
_loaded = {}  # the configuration of one way, by its name


class Session:
    """One session in its world, a context manager; every event is held against the contract."""

    def __init__(self, name, parts, behind, topic, **world):
        self.name, self.topic = name, topic
        end = check.server(behind) if isinstance(behind, str) else {}
        self.values = {"cloud": "alibaba", "host": "good.test", "address": "192.0.2.7"}
        self.values["tls"] = bool(end)
        for part in parts:
            self.values.update(part)
        if self.values["tls"]:  # also where the far side has none
            self.values["ca"] = check.server(behind if end else "http")["ca"]
        self.world = World(end or behind, "websocket" in self.values)
        cloud, way = self.values["cloud"], self.values.get("way", "mqtt")
        self._module = "signet.cloud.{}.{}".format(cloud, way)
        self.is_stream = self.values.get("way") != "coap"
        for key, value in world.items():
            setattr(self.world, key, value)
        self.state = "closed"
        self.flight = []  # keys that were taken, and of which nothing was told yet
        self.keys = []  # those that "lost" has named
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
            state = None
            self.asks_for_a_token = hasattr(module, "KEEPS_STATE")
            if self.asks_for_a_token:
                from signet.device.state import State

                state = State()
            self.world.__enter__()
            config = _loaded[self.name].copy()
            self.session = module.session(config, self.lines.append, state)
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
        if not self.world.is_real:
            values["trust"] = None
        return values

    def __exit__(self, *error):
        self.world.__exit__()
        self.session = None

    # What is called of it

    def call(self, function, *arguments):
        """Calls what must not wait."""
        return self.world.step(self.name, function, *arguments)

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
        step_ms = world.step_calls * world.call_ms
        assert world.unfed <= clock.WAIT_SLICE_MS + step_ms, (self.name, world.unfed)
        took = world.now() - began
        assert took <= ms + step_ms, "{}: {} ms of {}".format(self.name, took, ms)
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
        kind, self.error = event[0], event[-1]
        told = (self.name, event)
        assert type(event) is tuple and (self.state != "closed" or kind == "lost"), told
        if kind == "opened":
            assert len(event) == 1 and self.state == "opening", told
            self.state = "open"
        elif kind == "lost":
            assert len(event) == 3 and _kinds(event[1]), told
            self.state, self.error = "closed", event[1]
            self.keys, self.left, self.flight = sorted(event[2]), sorted(self.flight), []
            assert not set(self.keys) - set(self.left), told
        else:
            assert self.state == "open", told
            if kind == "command":
                assert len(event) == 2 and event[1].name, told
                return event
            if kind == "alive":
                assert len(event) == 1, told
                return event
            assert len(event) == 3, told
            self.flight.remove(event[1])  # once
            if kind == "failed":
                assert type(event[2]).__name__ in _FAILURES, told
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

    def submits(self, key, report=None):
        """Submits until it is taken, or told of; other things may have to go first."""
        from signet.reports.messages import Report

        device = ("t", "d") if self.values.get("role") == "application" else None
        report = report or Report({"n": key}, device=device)
        known = key in self.flight
        end = self.world.now() + _LIMIT_MS
        while self.world.now() < end:
            if known and key not in self.flight:
                return True
            if self.call(self.session.submit, key, report):
                if not known:
                    self.flight.append(key)
                return True
            is_full = len(self.flight) == self.session.window and not known
            if self.state != "open" or is_full:
                return False
            self.step() or self.poll(20)
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
            self.state, self.flight = "closed", []
            assert not self.world.sockets, self.name + " leaves a socket open"
            assert not self.session.busy and self.session.readable() is None, self.name
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
