"""How does a device or gateway report to Watson IoT Platform over HTTPS, and hear commands?

Events are POSTs to `/api/v0002/device/types/T/devices/D/events/E` with basic authentication;
commands are asked for, at `.../commands/C/request`, because nothing comes down by itself.  The
board asks when it starts, then every `command_poll_s`; the cloud may hold the request for
`command_wait_s`, and a report waits as long: there is one connection.

Sources: Watson IoT "Connecting applications, devices, and gateways using the API" and "HTTP
messaging API"; status codes of eclipse/amlen server_proxy.
"""

from binascii import b2a_base64

from micropython import const

from signet import clock
from signet.cloud import http_session
from signet.cloud.watson.event import body
from signet.errors import Lost, Rejected
from signet.modules import call
from signet.reports.messages import check_name
from signet.wire.http import quote

_PATH = const("/api/v0002/device/types/{}/devices/{}/{}/{}")
_COMMAND = const("signet.cloud.watson.http_command")
_QUICKSTART = const("quickstart")
_HINT = const("; check token, org_id, type_id and device_id, and the org's policy")

# Content type of each format; what comes down is looked up by how its content type begins.
_TYPES = const(
    (
        ("json", "application/json"),
        ("xml", "application/xml"),
        ("text", "text/plain"),
        ("bin", "application/octet-stream"),
    )
)
_LARGEST_COMMAND = const(4096)  # bytes; a larger one is lost, and the connection with it
_IN_A_ROW = const(8)  # commands that may go before a report
_ABOUT_COMMAND = http_session.WANTED + (
    "content-type",
    "x-commandid",
    "x-devicetype",
    "x-deviceid",
)


class _Dialect:
    """See cloud/http_session.py.

    Args:
        config: dict from config.load.
        log: function of one str.
    """

    logs_in = False
    batch = None

    def __init__(self, config, log):
        self._config = config
        self._log = log
        type_id, device_id = config["type_id"], config["device_id"]
        self._gateway = config["role"] == "gateway"
        self._authorization = []
        if config["org_id"] != _QUICKSTART:
            user = "use-token-auth"
            if self._gateway:
                user = "g/{}/{}/{}".format(config["org_id"], type_id, device_id)
            basic = b2a_base64("{}:{}".format(user, config["token"]).encode())[:-1].decode()
            self._authorization.append(("Authorization", "Basic " + basic))
        if self._gateway:  # its own commands, and those of devices behind it
            type_id = device_id = "+"
        self._commands = _PATH.format(type_id, device_id, "commands", config["command"])
        self.next_ask = clock.Deadline(0) if config["command_poll_s"] else None
        self._asked = 0  # times since the last report
        self._is_foreign = False  # the report is of a device behind this gateway
        self._is_page = None  # what came with the status of an event is not Watson's

    def due(self, report_waits):
        """Is it time to ask for a command?"""
        self._answered = False  # before that report
        if not self.next_ask or not self.next_ask.expired():
            return False
        return not report_waits or self._asked < _IN_A_ROW

    def _ask_in(self, wait_ms):
        if self.next_ask:  # else only `lapsed` has it asked
            self.next_ask = clock.Deadline(wait_ms)

    def ask(self, report_waits):
        """Asks for a command, which the cloud may take `command_wait_s` to have."""
        self._asked += 1
        self._ask_in(self._config["command_poll_s"] * 1000)  # also when this one is lost
        wait_s = 0 if report_waits else self._config["command_wait_s"]
        headers = self._authorization + [("Content-Type", "application/json")]
        wait = b'{"waitTimeSecs":%d}' % wait_s
        path = self._commands + "/request"
        extra_ms = wait_s * 1000
        return path, headers, wait, _ABOUT_COMMAND, None, "POST", extra_ms, _LARGEST_COMMAND

    def lapsed(self, code):
        """Is a device not of this gateway, or is it refused itself?  Its own commands tell."""
        return code == 403 and self._is_foreign

    def sink(self, piece):
        if self._is_page is None:  # over TLS it is known who says more
            self._is_page = not self._config["tls"] or bytes(piece[:16]).strip()[:1] == b"<"

    def heard(self, reply):
        """Makes an event of the answer to `ask`; whatever it is, reports go on."""
        self._ask_in(self._config["command_poll_s"] * 1000)
        self._answered = reply.status // 100 in (2, 4) and reply.status not in (401, 403)
        if reply.status == 204:
            return None
        event, wait_ms = call(_COMMAND, "heard", self._config, reply, _TYPES, _HINT, self._log)
        self._ask_in(wait_ms)
        return event

    def encode(self, report):
        config = self._config
        self._is_page = None
        type_id, device_id, event, form = config["type_id"], config["device_id"], None, "json"
        if report.topic is None:
            event = report.event or config["event"]
            check_name(event)
            data = body(report)
            if report.device is not None:
                for word in report.device:
                    check_name(word, "device", 36)
                type_id, device_id = report.device
        else:
            type_id, device_id, event, form = self._levels(report.topic)
            data = report.body
        self._is_foreign = (type_id, device_id) != (config["type_id"], config["device_id"])
        for known, content_type in _TYPES:
            if form == known and (form == "json" or config["org_id"] != _QUICKSTART):
                headers = self._authorization + [("Content-Type", content_type)]
                path = _PATH.format(quote(type_id), quote(device_id), "events", quote(event))
                return path, headers, data
        raise Rejected("over HTTPS the format {} cannot be sent; take json".format(form))

    def _levels(self, topic):
        """Returns type, device, event and format of a raw topic; Rejected for any other."""
        levels = topic.split("/")
        if not self._gateway:  # it speaks for itself only, and does not say so
            levels[1:1] = ["type", self._config["type_id"], "id", self._config["device_id"]]
        good = len(levels) == 9 and levels[1::2] == ["type", "id", "evt", "fmt"]
        if not good or levels[0] != "iot-2" or "" in levels or "+" in levels:
            who = "type/TYPE/id/ID/" if self._gateway else ""
            raise Rejected(
                "may publish to iot-2/{}evt/EVENT/fmt/FORMAT only, not {}".format(who, topic)
            )
        return levels[2::2]

    def judge(self, reply, report):
        self._asked = 0
        if reply.status == 403 and self._is_foreign and self._answered:
            raise Rejected("events: HTTP status 403: not a device of this gateway", 403)
        is_plain = http_session.is_plain(report) and not self._is_foreign
        http_session.check_status(reply, "events", is_plain, _HINT)
        if self._is_page:  # Watson says no more than the status
            raise Lost("events: a page, not Watson's answer; does another server answer?")


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return http_session.HttpSession(config, _Dialect(config, log))
