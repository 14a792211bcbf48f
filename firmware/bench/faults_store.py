"""What becomes of reports when the flash fails them, or memory?  Runs on MicroPython.

`faults_store FOLDER KIND FAULT FLASH_AFTER_S FIRST LAST STEP SPREAD [SABOTAGE]` lets a Link live
a short life on a file system of `faults_flash.BLOCKS` once for each place of the FAULT, then heals
it and lets the Link deliver what waits.  Each time it prints a line of JSON that
tools/bench/faults_audit.py judges.  Time is made up, and so is the cloud.  SABOTAGE ("forgets",
"invents") makes that a liar, so that the audit can be tested.
"""

import gc
import json
import os
import sys

import vfs
from faults_cloud import Cloud, Session
from faults_flash import Flash, filesystem, fill, formatted
from measuring import starved
from signet import clock
from signet.device import config, files
from signet.link import Link
from signet.reports.messages import Command
from signet.reports.outbox import Outbox

_DEVICE = {
    "cloud": "alibaba",
    "way": "coap",  # its device.json is short
    "tls": False,
    "host": "x.example",
    "product_key": "a1B2c3D4e5F",
    "device_name": "d",
    "device_secret": "s" * 32,
    "retry_s": 1,
    "outbox_bytes": 32768,
}
_POLL_MS = 100
_MOST = 3000  # polls until what waits has been delivered
_LARGE = 17  # this report has a segment of its own
_WORN = {"bits stay": 0, "input/output error": -5}


class PowerCut(BaseException):
    """Ends a life; no `except Exception` may stop it."""


class Life:
    """A device between power on and power cut, and what it says of itself.

    Args:
        flash: Flash, mounted meanwhile.
        cloud: Cloud.
        blocks: int, free blocks of the heap during each call; None: as many as there are.
    """

    now = 0  # ms, goes on through all lives
    past = []

    def __init__(self, kind, flash, cloud, said, settings, blocks=None):
        self.flash, self.cloud, self.said = flash, cloud, said
        self._settings, self.blocks = settings, blocks
        clock.ticks_ms = self.ticks_ms
        clock.sleep_ms = self.pass_ms
        clock.ticks_add = lambda ticks, delta: ticks + delta
        clock.ticks_diff = lambda later, earlier: later - earlier
        mounted = filesystem(kind, flash)
        vfs.mount(mounted, "/flash")
        Life.past.append(mounted)  # a file that was forgotten must not outlive it
        del Life.past[:-2]
        os.chdir("/flash")
        self.link = None
        self._calls = 0

    def heal(self):
        """Ends a fault of flash or heap: what cannot be written is lost by a reset."""
        self.blocks = None
        self.flash.error, self.flash.worn = 0, {}
        files.remove("filler")

    def end(self):
        self.link = None
        gc.collect()  # closes what was forgotten, while it is mounted
        os.chdir("/")
        vfs.umount("/flash")
        self.said["stored"], self.said["obeyed"] = self.cloud.stored, self.cloud.obeyed
        if self.flash.after_cut is not None:
            self.said["cuts"].append(Life.now)

    def check(self):
        """Raises PowerCut when there is no power."""
        if self.flash.after_cut is not None:
            raise PowerCut

    def ticks_ms(self):
        self.check()
        Life.now += 1
        return Life.now

    def pass_ms(self, ms):
        self.check()
        Life.now += ms

    def call(self, function, *arguments):
        """Calls what may lose power, or find no memory; None then, and for what it raises."""
        try:
            self._calls += 1
            if self.blocks is None or self._calls % 4:  # it takes time
                return function(*arguments)
            return starved(self.blocks, function, *arguments)
        except MemoryError:
            pass
        except Exception as error:
            self.said["raised"].append(repr(error))
        finally:
            self.check()
            if gc.threshold() != -1 and (self.link is None or self.link.connected):
                self.said["raised"].append("gc.threshold")
                gc.threshold(-1)

    def wake(self):
        gc.threshold(-1)
        self.link = None
        self.link = self.call(self._link) or self.call(self._link)
        if self.link is None:
            raise PowerCut  # as good as one
        self.link.on_command = self.obey

    def _link(self):
        values, log = self._settings, self.log
        after_ms = values["flash_after_s"] * 1000
        outbox = Outbox(values["outbox_bytes"], values["drop"] == "oldest", after_ms, log)
        return Link(Session(self.cloud, self), values, outbox, None, log)

    def obey(self, command):
        self.check()
        self.cloud.obeyed.append(command.id)
        return {}

    def log(self, line):
        said = self.said
        said["logged"] += 1
        said["log"].append(line)
        if len(said["log"]) > 8:
            del said["log"][0]

    def report(self, count):
        said = self.said
        for _ in range(count):
            n = len(said["taken"])
            values = {
                "n": n,
                "check": check(n),
                "pad": "x" * (4200 if n == _LARGE else n * 37 % 300),
            }
            said["taken"].append(n)
            if self.call(self.link.report, values) is not None:
                said["accepted"].append([n, Life.now])
            self.poll(2)

    def poll(self, times):
        for _ in range(times):
            self.call(self.link.poll, _POLL_MS)

    def close(self):
        self.call(self.link.close)


def check(n):
    return n * 7919 % 65521


def play(life):
    """What happens while faults may come: away twice, back, a command; then a deep sleep."""
    cloud = life.cloud
    life.wake()
    cloud.up = False
    life.report(9)
    life.poll(120)  # longer than flash_after_s
    cloud.up = True
    life.poll(30)
    life.report(4)
    cloud.commands.append(Command("led", {}, "topic", "c1"))
    life.poll(10)
    cloud.up = False
    life.report(8)
    life.poll(120)
    cloud.up = True
    life.poll(5)
    life.heal()
    life.close()
    life.wake()
    life.report(2)
    life.poll(8)
    cloud.up = False
    life.report(2)
    life.close()


def recover(life):
    """All is well: delivers what waits."""
    life.cloud.up = True
    life.wake()
    life.report(1)
    for _ in range(_MOST):
        life.poll(1)
        if life.link.connected and not life.link.waiting:
            break
    outbox, said = life.link.outbox, life.said
    said["aside"] = [[report.values["n"], report.values["check"]] for _, _, report in outbox.dead]
    said["dropped"] = life.link.counters["dropped"]
    said["waiting"] = life.link.waiting
    life.close()


def lived(life, play):
    """Plays a life to its end, or to the power cut."""
    try:
        play(life)
    except PowerCut:
        pass
    life.end()
    return life.flash.after_cut


class Runs:
    """One fault, in many places.

    Args:
        kind, fault: str. after_s: int, flash_after_s. spread: int, see Flash; not 0: the power
            is cut once more, while the board recovers.
        sabotage: str, see Cloud.
    """

    def __init__(self, kind, fault, after_s, spread, sabotage):
        self._kind, self._fault, self._spread, self._sabotage = kind, fault, spread, sabotage
        with open("device.json", "w") as file:
            json.dump(_DEVICE, file)
        self._settings = config.load("device.json", lambda line: None)
        self._settings["flash_after_s"] = self._after_s = after_s
        self._blank = formatted(kind)

    def run(self, place):
        """Returns what was said with the fault in this place; None where there is none."""
        said = {"place": place, "after_s": self._after_s, "waiting": 0, "dropped": 0, "logged": 0}
        for name in ("taken", "accepted", "aside", "cuts", "raised", "log"):
            said[name] = []
        cloud = Cloud(self._sabotage)
        flash = Flash(self._kind, self._blank)
        life = self._life(flash, cloud, said, place if self._fault == "no memory" else None)
        self._begin(flash, place)
        image = lived(life, play)
        if image is None and self._fault == "power cut":
            return None
        if image is not None and self._spread:
            flash = Flash(self._kind, image)
            flash.cut_at, flash.spread = 1 + place % 8, self._spread
            image = lived(self._life(flash, cloud, said), recover)
        flash = Flash(self._kind, flash.image if image is None else image)
        life = self._life(flash, cloud, said)
        lived(life, recover)
        return said

    def _life(self, flash, cloud, said, blocks=None):
        return Life(self._kind, flash, cloud, said, self._settings, blocks)

    def _begin(self, flash, place):
        fault = self._fault
        if fault == "power cut":
            flash.cut_at, flash.spread = place + flash.writes, self._spread
        elif fault == "flash full":
            fill(place * 1024)
        elif fault == "read-only":
            flash.error = -30
        elif fault in _WORN:
            flash.worn = {place: _WORN[fault]}


def main(folder, kind, fault, after_s, first, last, step, spread, sabotage=""):
    os.chdir(folder)
    runs = Runs(kind, fault, int(after_s), int(spread), sabotage)
    for place in range(int(first), int(last) + 1, int(step)):
        said = runs.run(place)
        if said is None:
            break
        print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
