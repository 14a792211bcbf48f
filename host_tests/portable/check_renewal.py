"""What do the tests of renewal need?  A board with its files, a link and mosquitto.

mosquitto demands a certificate; the session is Watson's, without a token.  The modules that a
renewal loads and forgets are not held here: the heap is that of a board.
"""

import gc
import json
import os

import check
import signet
from signet import clock


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def client(kind="good"):
    cert, key = check.server("broker")["clients"][kind]
    return read(cert), read(key)


class Board:
    """A link with its configuration and its files; in_one: the key stands in the file `cert`."""

    def __init__(self, in_one=True, kind="good", **changes):
        cert, key = client(kind)
        folder = check.scratch("board")  # signet.state lies in the current one, as on a board
        os.mkdir(folder)
        os.chdir(folder)
        self.lines = []
        self.path = check.scratch("board.pem")
        end = check.server("broker")
        self.values = {
            "cloud": "watson",
            "host": end["name"],
            "address": end["host"],
            "port": end["port"],
            "ca": end["ca"],
            "cert": self.path,
            "org_id": "myorg1",
            "type_id": "t",
            "device_id": self.path[-18:-10],
            "retry_s": 1,
        }
        self.values.update(changes)
        if in_one:
            cert += key
        else:
            self.values["key"] = check.scratch("board.key")
            write(self.values["key"], key)
        write(self.path, cert)
        self.restart()

    def restart(self):
        """As the board does when it has power again."""
        self.link = self.config = None
        gc.collect()
        with open(self.path + ".json", "w") as file:
            json.dump(self.values, file)
        self.link = signet.open(self.path + ".json", None, self.lines.append)
        self.config = self.link._config

    def hands_over(self):
        """Reports once and is heard."""
        before = self.link.handed_over
        self.link.report({"t": 1})
        return self.link.flush(10_000) and self.link.handed_over > before

    def due(self):
        """Lets every wait pass at once."""
        self.link._next_try = clock.Deadline(0)
        if self.trial is not None:
            self.trial.next_trial = clock.Deadline(0)

    @property
    def trial(self):
        """The session around the board's own, while there is a new certificate."""
        return self.link._session if hasattr(self.link._session, "own") else None

    def poll(self):
        """A turn; one that begins to open, or a trial, is followed to its end."""
        self.link.poll()
        while self.link.opening or (self.trial is not None and self.trial.trying):
            self.link.poll()

    def said(self, text):
        return any(text in line for line in self.lines)

    def left_over(self):
        try:
            os.stat(self.path + ".new")
        except OSError:
            return False
        return True
