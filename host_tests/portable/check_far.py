"""What do the clouds look like from a board?  As little of each as a report needs.

A far side has `received(bytes)`, which returns what it answers: bytes, of datagrams a list.  What
it answers is written out by hand from MQTT 3.1.1, RFC 9112, RFC 6455, RFC 7252 and the clouds'
documents; none of it is lib/signet's.

Attributes:
    reports: list of bytes, what came of each report.
    answers: bool, False while a report is heard and not answered.
    floods: with what it may flood, and it means nothing: (bytes once, bytes again and again).
    refuses: what it says no to, "identity" or "now"; None for nothing.
"""

import hashlib
import json
from binascii import b2a_base64

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: "
)


class Broker:
    """MQTT 3.1.1; PUBACK is all that a report is answered with."""

    floods = (
        (b"", b"\xd0\0"),
        (b"", b"\x40\2\0\7"),  # a PUBACK that nobody waits for
        (b"\x30\xff\xff\xff\x7f\0\1t", b"x" * 64),  # a message of 256 MB
        (b"", b"\x30\x06\0\x04junk"),
        (b"", b"\x30\x17\0\x14iot-2/cmd/a/fmt/json{"),
    )
    refuses = None
    answers = True
    replies = False  # the cloud wants answers to its commands

    def __init__(self):
        self.reports, self.said = [], []
        self._rest = b""

    def received(self, data):
        self._rest += data
        out = b""
        while True:
            whole = self._whole()
            if whole is None:
                return out
            out += self._answer(whole[0] >> 4, whole[0] & 15, whole[1])

    def _whole(self):
        """Takes one packet; returns its first byte and its body."""
        rest, length, shift = self._rest, 0, 0
        for at in range(1, min(len(rest), 5)):
            length |= (rest[at] & 127) << shift
            shift += 7
            if rest[at] < 128:
                end = at + 1 + length
                if len(rest) < end:
                    return None
                self._rest = rest[end:]
                return rest[0], rest[at + 1 : end]
        return None

    def _answer(self, kind, flags, body):
        if kind == 1:
            return b"\x20\2\0" + {"identity": b"\5", "now": b"\3"}.get(self.refuses, b"\0")
        if kind == 3:
            size = body[0] << 8 | body[1]
            topic, packet_id, payload = (
                body[2 : 2 + size],
                body[2 + size : 4 + size],
                body[size + 4 :],
            )
            if flags & 6:
                return self._published(topic, packet_id, payload)
            if not flags & 1:  # retained is what tells that the device is there
                self.reports.append(body[2 + size :])
            return b""
        if kind == 8:
            count, at = 0, 2
            while at < len(body):
                at += 3 + (body[at] << 8 | body[at + 1])
                count += 1
            return bytes((0x90, 2 + count)) + body[:2] + b"\1" * count
        return b"\xd0\0" if kind == 12 else b""

    def _published(self, topic, packet_id, payload):
        if topic.endswith(b"_reply"):  # the answer to a command
            self.said.append(payload)
        else:
            self.reports.append(payload)
            if not self.answers:
                return b""
        return b"\x40\2" + packet_id

    def command(self, topic):
        """Returns what tells of a command, or of what an application hears."""
        return self.message(topic.encode(), b'{"id":"5","params":{}}')

    def message(self, topic, payload):
        """Returns a message of QoS 0."""
        size = 2 + len(topic) + len(payload)
        length = (size,) if size < 128 else (size & 127 | 128, size >> 7)
        return b"\x30" + bytes(length) + bytes((0, len(topic))) + topic + payload


class Plain(Broker):
    """A broker without a platform behind it; who commands wants to hear what came of it."""

    replies = True


class Thing(Broker):
    """A broker whose platform replies to a report: Alibaba, EnOS."""

    replies = True

    def _published(self, topic, packet_id, payload):
        out = super()._published(topic, packet_id, payload)
        if out and not topic.endswith(b"_reply"):
            answer = json.dumps({"id": json.loads(payload)["id"], "code": 200, "data": {}})
            out += self.message(topic + b"_reply", answer.encode())
        return out


class Azure(Broker):
    """A hub, and DPS; the twin is as it was reported, and takes what is by that status."""

    replies = True
    status = b"204"
    assigned = (
        b'{"status":"assigned","registrationState":{"assignedHub":"hub2.azure-devices.net",'
        b'"deviceId":"m7","status":"assigned"}}'
    )
    twin = b'{"desired":{"$version":1},"reported":{"$version":1}}'

    def _published(self, topic, packet_id, payload):
        puback, rid = b"\x40\2" + packet_id, topic.partition(b"$rid=")[2]
        if topic.startswith(b"$iothub/twin/GET/"):
            return puback + self.message(b"$iothub/twin/res/200/?$rid=" + rid, self.twin)
        if topic.startswith(b"$dps/"):
            return puback + self.message(b"$dps/registrations/res/200/?$rid=1", self.assigned)
        if not topic.startswith(b"$iothub/"):
            return super()._published(topic, packet_id, payload)
        self.said.append(payload)
        if b"/twin/" in topic:
            puback += self.message(b"$iothub/twin/res/" + self.status + b"/?$rid=" + rid, b"")
        return puback


class _Http:
    floods = ((b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"HTTP/1.1 200 Ok\r\nX: ", b"x"))
    answers = True
    refuses = None

    def __init__(self):
        self.reports = []
        self._rest = b""

    def received(self, data):
        self._rest += data
        head, end, body = self._rest.partition(b"\r\n\r\n")
        if not end:
            return b""
        lines = head.lower().split(b"\r\n")
        sizes = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
        if len(body) < sizes[0]:
            return b""
        self._rest = b""
        if self.refuses:
            return _reply(b"", b"401 No" if self.refuses == "identity" else b"503 Not now")
        return self._answer(head.split(b" ")[1], body)

    def _report(self, body, answer):
        self.reports.append(body)
        return _reply(answer) if self.answers else b""


def _reply(body, status=b"200 Ok", headers=b""):
    head = b"HTTP/1.1 " + status + b"\r\n" + headers
    return head + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body


class AlibabaHttp(_Http):
    def _answer(self, path, body):
        if path == b"/auth":
            return _reply(b'{"code":0,"message":"success","info":{"token":"t0k3n"}}')
        return self._report(body, b'{"code":0,"message":"success","info":{"messageId":7}}')


class WatsonHttp(_Http):
    replies = False
    _waiting = None

    def command(self, topic):
        """A command waits until it is asked for."""
        self._waiting = topic.encode()
        return b""

    def _answer(self, path, body):
        if not path.endswith(b"/request"):
            return self._report(body, b"")
        name, self._waiting = self._waiting, None
        if name is None:
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        headers = b"X-commandId: " + name + b"\r\nContent-Type: application/json\r\n"
        return _reply(b"{}", headers=headers)


class Coap:
    """Alibaba's; each request is answered in its acknowledgement (RFC 7252 section 5.2.1)."""

    floods = ()  # of datagrams: whatever it is
    answers = True
    refuses = None

    def __init__(self):
        self.reports = []

    def received(self, datagram):
        if datagram[0] & 0x30:  # an acknowledgement or a reset
            return []
        size = datagram[0] & 15
        code = {"identity": 0x81, "now": 0xA3}.get(self.refuses, 0x45)
        start = bytes((0x60 | size, code)) + datagram[2 : 4 + size]
        if self.refuses:
            return [start]
        if b"\xb4auth" in datagram:
            return [
                start + b'\xff{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1"}'
            ]
        if datagram[2:4] not in self.reports:
            self.reports.append(datagram[2:4])
        return [start] if self.answers else []


class Web:
    """MQTT in WebSocket, in front of another far side."""

    floods = (
        (b"", b"\x89\1x"),  # pings
        (b"", b"\x8a\0"),  # pongs
        (b"\2\0", b"\0\0"),  # empty fragments
    )

    def __init__(self, behind):
        self._behind = behind
        self.refuses, self.answers = None, True
        self._rest, self._open = b"", False

    def __getattr__(self, name):
        return getattr(self._behind, name)

    def received(self, data):
        self._behind.refuses, self._behind.answers = self.refuses, self.answers
        self._rest += data
        out = b""
        if not self._open:
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return b""
            key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            accept = b2a_base64(hashlib.sha1(key + _GUID).digest())[:-1]
            out = _UPGRADED + accept + b"\r\n\r\n"
            self._rest, self._open = rest, True
        while True:
            frame = self._frame()
            if frame is None:
                return out
            if frame[0] & 15 == 2:
                out += self._wrapped(self._behind.received(frame[1]))

    def _wrapped(self, data):
        if len(data) < 126:
            return bytes((0x82, len(data))) + data if data else b""
        return bytes((0x82, 126, len(data) >> 8, len(data) & 255)) + data

    def command(self, topic):
        return self._wrapped(self._behind.command(topic))

    def _frame(self):
        """Takes one masked frame (5.3); returns its first byte and its payload."""
        rest = self._rest
        if len(rest) < 2:
            return None
        size, at = rest[1] & 127, 2
        if size == 126:
            size, at = rest[2] << 8 | rest[3], 4
        if len(rest) < at + 4 + size:
            return None
        mask, data = rest[at : at + 4], rest[at + 4 : at + 4 + size]
        self._rest = rest[at + 4 + size :]
        return rest[0], bytes([byte ^ mask[place & 3] for place, byte in enumerate(data)])


class Echo:
    """Says back what it hears."""

    floods = ((b"", b"\0"),)

    def received(self, data):
        return data


class EchoOfDatagrams:
    def received(self, datagram):
        return [datagram]
