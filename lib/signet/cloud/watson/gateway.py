"""What does Watson IoT Platform refuse to a gateway, and what becomes of that report?

A gateway says in each topic whose event it is (`report.device`, or itself), and hears the commands
of all devices behind it; a device that the platform does not know is registered by its first
event.  PUBACK means less than to a device: the platform acknowledges what it refuses, too, keeps
the connection, and says so in a notice, before PUBACK or soon after.  So "report 7 stored" means
that it was read and not refused so far.  A notice names the topic only: it is taken to be about
the oldest report to that topic that is in flight, or was until a moment ago.  If that was
acknowledged, it is gone, and a line of the log says which it was and how many were lost so;
if not, it fails, and is sent again where the trouble passes by itself.
Without a subscription that the platform refuses, reports still go; the next connection asks for
it again.

Source: Watson IoT "MQTT connectivity for gateways"; eclipse/amlen server_proxy, pxmqtt.c, and
ismrc.h for the codes.
"""

from micropython import const

from signet import clock
from signet.errors import Rejected, Throttled
from signet.wire.exact_json import member, parse, printable

_LONGEST = const(256)  # characters of a notice's message
_NOTICE_MS = const(10_000)  # so long after PUBACK a notice may still be about that report
# Codes of what passes by itself: capacity reached, no server, no messaging, too many
# authentication requests (a new device waits to be registered), too much in its buffers, no
# authorization service.
_PASSING = const((104, 167, 168, 176, 178, 188))


class Notices:
    """The gateway's part of the dialect; config: dict from config.load, log: function of one str.

    Attributes:
        refused: int, reports that the platform has acknowledged and then refused.
    """

    def __init__(self, config, log):
        self.refused = 0
        self._log = log
        self._most = 2 * config["window"]
        self._recent = []  # (key, topic, ticks) of what was acknowledged lately, oldest first

    def acked(self, key, topic):
        """See cloud/mqtt_session.py."""
        self._recent.append((key, topic, clock.ticks_ms()))
        del self._recent[: -self._most]

    def read(self, topic, payload):
        """Returns what a notice means: ("reply", topic of the report, error); None, once told."""
        notice = parse(topic, payload)
        about, code = member(notice, "Topic", topic, str), member(notice, "RC", topic, int)
        text = "{} refused: {}: RC {}: {}".format(
            member(notice, "Request", topic, str),
            about,
            code,
            printable(notice.get("Message"), _LONGEST),
        )
        for entry in self._recent:
            late_ms = clock.ticks_diff(clock.ticks_ms(), entry[2])
            if entry[1] == about and 0 <= late_ms < _NOTICE_MS:
                self._recent.remove(entry)
                self.refused += 1
                lost = "report {} is lost, refused after its acknowledgement ({} so far): {}"
                self._log(lost.format(entry[0], self.refused, text))
                return None
        return ("reply", about, Throttled(text) if code in _PASSING else Rejected(text, code))
