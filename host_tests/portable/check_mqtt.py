"""How does a test log in over MQTT, and read from a stream, when neither waits by itself?"""

from signet import clock
from signet.errors import TimedOut


def connect(client, stream, login=("c", "user", "pass"), timeout_ms=8000):
    """Logs in; returns whether the broker remembered the session, and raises what `poll` does."""
    client.begin(stream, login)
    deadline = clock.Deadline(timeout_ms)
    while True:
        event = client.poll(deadline.remaining_ms())
        if event is not None:
            assert event[0] == "connected", event
            return event[1]
        assert not deadline.expired(), "no CONNACK"


def read(stream, size, timeout_ms=3000):
    """Returns `size` bytes; raises TimedOut, and what the stream does."""
    deadline = clock.Deadline(timeout_ms)
    while True:
        data = stream.read(size) if stream.flush() else None
        if data is not None:
            return data
        if deadline.expired():
            raise TimedOut("nothing received in time")
        stream.wait(deadline)
