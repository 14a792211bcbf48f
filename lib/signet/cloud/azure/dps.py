"""To which hub does a device of Azure belong, and what is it called there?  DPS says so, once.

The Device Provisioning Service is asked over MQTT, at a host of its own: the device registers, and
asks what came of it after as many seconds as it is told, until it is assigned.  What it learns
outlives deep sleep and power cuts, until the hub refuses the device or device.json changes.

Loaded to begin a registration, and forgotten: see modules.call.

Source: Azure "Communicate with DPS using the MQTT protocol"; "Symmetric key attestation".
"""

from micropython import const

from signet import clock
from signet.cloud.azure.login import token
from signet.cloud.dial import connect
from signet.device.state import State
from signet.errors import ProtocolError, Refused, Throttled, TimedOut
from signet.wire.exact_json import dumps, member, parse, printable

_ANSWERS = const("$dps/registrations/res/")
_LONGEST_MS = const(120_000)  # of a registration
_SOON_S = const(2)
_LONGEST_S = const(60)  # until it is asked again


def begin(config, client, deadline, log):
    """Takes the assignment that is kept, or begins to ask for one.

    Args:
        config: dict from config.load; gets `hub`, `host` and `device_id` where they are known.
        client: client.mqtt.MQTTClient, closed.
        deadline: clock.Deadline of connect and TLS.
        log: function of one str.
    Returns:
        Registration; None where there is nothing to ask.
    Raises:
        Throttled: the clock is not set. Lost: no such name.
    """
    kept = State().values.get("azure")
    crc, _, names = str(kept).partition(" ")
    if kept and crc == str(config["crc"]):
        _assign(config, *names.split(" "))
        return None
    scope, name = config["id_scope"], config["registration_id"]
    where = "{}/registrations/{}".format(scope, name)
    password = token(config, where, clock.unix_ms(), "&skn=registration")
    channel = connect(config, deadline)
    try:
        client.begin(channel, (name, where + "/api-version=2019-03-31", password))
    except BaseException:  # no memory
        channel.close()
        raise
    return Registration(config, client, log)


def refused(config, host, log):
    """A hub, or DPS, does not take the device: the next time DPS is asked.

    Args:
        config: dict from config.load. host: str, that of DPS. log: function of one str.
    """
    if config["hub"]:
        State().keep({"azure": None}, log)
        _assign(config, None, None)
        config["host"] = host


def _assign(config, hub, device_id):
    config["hub"] = config["host"] = hub
    config["device_id"] = device_id


class Registration:
    """One that is under way; arguments as of `begin`, the client connecting."""

    def __init__(self, config, client, log):
        self._config, self._client, self._log = config, client, log
        self._end = clock.Deadline(_LONGEST_MS)
        self._ask_at = None  # clock.Deadline; None while an answer is awaited
        self._topic = "PUT/iotdps-register/?$rid=1"

    def poll(self, timeout_ms):
        """Goes on; never longer than `timeout_ms`.

        Returns:
            bool, True when `config` has `hub`, `host` and `device_id`.
        Raises:
            Refused: DPS does not know the device, or has no hub for it. Throttled, Lost and
                ProtocolError, as they are.
        """
        client = self._client
        if self._end.expired():
            raise TimedOut("DPS has not assigned a hub in time")
        if self._ask_at is not None:
            if self._ask_at.expired() and client.ready and not client.asked:
                self._ask_at = None
                body = dumps({"registrationId": self._config["registration_id"]})
                client.publish("$dps/registrations/" + self._topic, body, "own")
            else:
                timeout_ms = min(timeout_ms, max(self._ask_at.remaining_ms(), 100))
        event = client.poll(timeout_ms)
        if event is None:
            return False
        if event[0] == "connected":
            self._ask_at = clock.Deadline(0)
            client.replies = False
            client.subscribe([_ANSWERS + "#"])
        elif event[0] == "message":
            try:
                return self._heard(event[1].decode(), event[2])
            except UnicodeError:
                raise ProtocolError("no answer of DPS")
        elif event[0] in ("refused", "late"):
            raise TimedOut("DPS does not answer")
        return False

    def _heard(self, topic, payload):
        status, _, rest = topic[len(_ANSWERS) :].partition("/")
        if not topic.startswith(_ANSWERS) or not status.isdigit():
            return False
        status, wait_s = int(status), rest.partition("retry-after=")[2].partition("&")[0]
        wait_s = int(wait_s) if wait_s.isdigit() and len(wait_s) < 6 else 0
        body = parse("DPS", payload)
        state = body.get("registrationState") or body
        if not isinstance(state, dict):
            raise ProtocolError("no answer of DPS")
        if status == 202 or (status == 200 and body.get("status") == "assigning"):
            id = member(body, "operationId", "DPS", str)
            self._topic = "GET/iotdps-get-operationstatus/?$rid=1&operationId=" + id
            self._ask_at = clock.Deadline(min(wait_s or _SOON_S, _LONGEST_S) * 1000)
            return False
        if status == 200 and state.get("assignedHub"):
            return self._assigned(state)
        text = state.get("errorMessage") or state.get("message") or state.get("status")
        text = "DPS: {} {}".format(status, printable(text, 256))
        if status == 429 or status >= 500:
            raise Throttled(text, wait_s * 1000)
        code = state.get("errorCode")
        raise Refused(text, code if isinstance(code, int) else status)

    def _assigned(self, state):
        names = [member(state, name, "DPS", str) for name in ("assignedHub", "deviceId")]
        if " " in names[0] + names[1]:
            raise ProtocolError("no answer of DPS")
        _assign(self._config, *names)
        kept = "{} {} {}".format(self._config["crc"], *names)
        State().keep({"azure": kept}, self._log)
        self._log("assigned to {} as {}".format(*names))
        return True
