"""What does a broker say to a device of each cloud?  MQTT 3.1.1, and the clouds' documents."""

import json

from mutate import mutated

_PREFIX = "/sys/pk/dn/thing/"
_TOPICS = {
    "alibaba": (
        _PREFIX + "event/property/post_reply",
        _PREFIX + "event/hot/post_reply",
        _PREFIX + "service/property/set",
        _PREFIX + "service/reboot",
        _PREFIX + "service/reboot_reply",
        "/sys/pk/dn/other",
    ),
    "enos": (
        _PREFIX + "measurepoint/post_reply",
        _PREFIX + "measurepoint/resume_reply",
        _PREFIX + "event/hot/post_reply",
        _PREFIX + "service/measurepoint/set",
        _PREFIX + "service/reboot",
    ),
    "watson": ("iot-2/cmd/set/fmt/json", "iot-2/cmd/set/fmt/bin", "iot-2/evt/x/fmt/json"),
    "gateway": (
        "iot-2/type/t/id/d/cmd/set/fmt/json",
        "iot-2/type/m/id/m-1/cmd/set/fmt/text",
        "iot-2/type/t/id/d/notify",
        "iot-2/type/t/id/d/notify",
    ),
    "application": (
        "iot-2/type/t/id/d/evt/status/fmt/json",
        "iot-2/type/t/id/d/cmd/set/fmt/bin",
        "iot-2/type/t/id/d/mon",
        "iot-2/app/a/mon",
    ),
}
_PAYLOADS = (
    b'{"id":"7","version":"1.0","params":{"led":1},"method":"thing.service.property.set"}',
    b'{"id":"8","params":[1,2.5,true,null,"\\u00e9"],"method":"thing.service.reboot"}',
    b'{"id":7,"code":200,"data":{},"message":"success","version":"1.0"}',
    b'{"id":"7","code":429,"message":"too many requests","data":{}}',
    b'{"id":"7","code":6207,"message":"signature","data":{"error":"x"}}',
    b'{"led":1}',
    b'{"d":{"led":{"led":{"led":{"led":0.5}}}},"ts":"2026-11-20T07:00:00.250Z"}',
    b'{"Request":"publish","Topic":"iot-2/type/m/id/m-1/evt/status/fmt/json","RC":233,"Message":""}',
    b'{"ClientAddr":"192.0.2.9","Protocol":"mqtt","ClientID":"d:abcdef:t:d","Action":"Connect"}',
    b"\x00\xff\xfe raw",
    b"",
)
TOKENS = (
    b"[" * 40,
    b"[" * 700,
    b'{"a":' * 30,
    b"9" * 300,
    b"1e400",
    b"-",
    b"null",
    b"true",
    b'""',
    b'"\\ud83d\\ude00"',
    b'"\\ude00\xed\xa0\xbd\xf4\x90\x80\x80"',
    b'"id":',
    b'"code":',
    b'"message":',
    b"\\ud800",
    b"\\u0000",
    b"\xed\xa0\x80",
    b"\x00",
    b"}",
)
_CODES = (b"200", b"429", b"500", b"460", b"6205", b'"200"', b"null", b"1e3", b"[]")
_CONNECT, _PUBLISH, _PUBACK, _SUBSCRIBE, _PINGREQ = 1, 3, 4, 8, 12


def damaged(random, data, other):
    """Returns JSON with what a parser stumbles over, or with other damage."""
    data = bytearray(data)
    for _ in range(random.below(3)):
        place = random.below(len(data) + 1)
        data = data[:place] + random.pick(TOKENS) + data[place + random.below(4) :]
    return mutated(random, data, bytearray(other), 8, 1500) if data else bytes(data)


def _packet(first, body):
    """A control packet (2.2)."""
    header = bytearray([first])
    length = len(body)
    while True:
        header.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(header) + bytes(body)


def _publish(topic, payload, packet_id=None):
    """A PUBLISH (3.3), of QoS 1 with a packet id."""
    body = len(topic).to_bytes(2, "big") + topic
    if packet_id:
        body += packet_id.to_bytes(2, "big")
    return _packet(0x32 if packet_id else 0x30, body + payload)


class Mqtt:
    """A broker, and the cloud behind it.

    Args:
        random: mutate.Random. identity: dict, of device.json.
    """

    def __init__(self, random, identity):
        self.random = random
        self.cloud = identity.get("role", identity["cloud"])
        self.replies = self.cloud in ("alibaba", "enos")
        self.begin()

    def begin(self):
        """A new connection."""
        self._heard = b""
        self._answers = []
        self._ids = [1]
        self._last = b"7"  # id in the JSON of the last report

    def sent(self, data):
        """Takes what the device has written."""
        self._heard += data
        while True:
            length, shift, at = 0, 0, 1
            while at < len(self._heard) and shift < 28:
                byte = self._heard[at]
                length |= (byte & 0x7F) << shift
                shift += 7
                at += 1
                if byte < 0x80:
                    break
            else:
                return
            if len(self._heard) < at + length:
                return
            first, body = self._heard[0], self._heard[at : at + length]
            self._heard = self._heard[at + length :]
            self._packet(first, body)

    def _packet(self, first, body):
        kind = first >> 4
        if kind == _CONNECT:
            self._answers.append(b"\x20\x02\x00\x00")
        elif kind == _SUBSCRIBE:
            topics, at = 0, 2
            while at < len(body):
                at += 3 + int.from_bytes(body[at : at + 2], "big")
                topics += 1
            self._answers.append(_packet(0x90, body[:2] + b"\x01" * topics))
        elif kind == _PINGREQ:
            self._answers.append(b"\xd0\x00")
        elif kind == _PUBLISH and first & 6:
            end = 2 + int.from_bytes(body[:2], "big")
            topic, packet_id, payload = body[2:end], body[end : end + 2], body[end + 2 :]
            self._ids.append(int.from_bytes(packet_id, "big"))
            del self._ids[:-4]
            self._answers.append(_packet(0x40, packet_id))
            if self.replies and not topic.endswith(b"_reply") and payload[:1] == b"{":
                self._last = json.loads(payload)["id"].encode()
                self._answers.append(_publish(topic + b"_reply", self._reply(b"200")))

    def _reply(self, code):
        return b'{"id":"' + self._last + b'","code":' + code + b',"data":{},"message":"success"}'

    def answer(self):
        """Returns what the device waits for, or None."""
        return self._answers.pop(0) if self._answers else None

    def message(self):
        """Returns (kind, a packet, whose payload or topic may be damaged)."""
        random = self.random
        chance = random.below(16)
        if chance < 4 and self._answers:
            return "answer", self._answers.pop(0)
        if chance < 6:
            packet_id = random.pick(self._ids).to_bytes(2, "big")
            first = random.pick((0x40, 0x40, 0x40, 0x90, 0xD0, 0x20))
            return "acknowledgement", _packet(first, packet_id if first != 0xD0 else b"")
        topic = random.pick(_TOPICS[self.cloud]).encode()
        payload = random.pick(_PAYLOADS)
        if topic.endswith(b"_reply") and random.below(4):
            payload = self._reply(random.pick(_CODES))
        kind = "message"
        if random.below(2):
            kind = "damaged message"
            payload = damaged(random, payload, random.pick(_PAYLOADS))
        if not random.below(8):
            kind = "damaged topic"
            topic = mutated(random, bytearray(topic), bytearray(topic), 6, 200)
        return kind, _publish(topic, payload, random.below(2) and 1 + random.below(16_000))

    def report(self):
        """Returns a messages.Report."""
        from signet.reports.messages import Report

        random = self.random
        device = ("m", "m-1") if self.cloud == "application" else None
        if self.cloud == "gateway" and random.below(2):
            device = ("m", "m-1")
        event = "hot" if not random.below(4) else None
        return Report({"temperature": random.below(100)}, None, None, event, device)
