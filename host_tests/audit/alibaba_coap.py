"""Which sentences has Alibaba's "Establish communication over the CoAP protocol"?"""

from typing import Any

from host_tests.audit.board import again, board, sends
from host_tests.audit.coap import HOST, auth, dtls, report, seen
from host_tests.audit.command import mac, port, sign, signet
from host_tests.audit.row import beyond, decided, row
from host_tests.audit.tls import handshake
from host_tests.audit.web import ordered

DOCUMENT = "Alibaba CoAP"

_ANOTHER = "ZG1EvTEa7NN.coap.cn-shanghai.link.aliyuncs.com"
_KILL, _START = {"name": "kill_broker"}, {"name": "start_broker"}
_AS_DOCUMENTED: dict[str, Any] = {"host": HOST, "port": 5682, "accept": 50}
_EVERY = "report 1 stored.*"
_MINE, _OTHERS = "/a1GFjLP3xxC/device/user/pub", "/a1GFjLP3xxC/other/user/pub"


def _without_seq(device: Any) -> list[tuple[int, bytes]]:
    return [(2088, device.token.encode())]


def _without_token(device: Any) -> list[tuple[int, bytes]]:
    return device.custom()[1:]


def _unknown_token(device: Any) -> list[tuple[int, bytes]]:
    return [(2088, 35 * b"0"), device.custom()[1]]


def _seq(number: Any) -> Any:
    """Of the device: its offset and so many more."""
    return lambda device: device.custom(device.offset + number)


ROWS = (
    row(
        3,
        "CoAP, by symmetric encryption and by DTLS",
        (board("alibaba", "coap"), _EVERY),
        (board("alibaba", "coaps"), _EVERY),
    ),
    beyond(13, "Integrate an SDK into the NB-IoT module", "signet is beside it, on a board"),
    beyond("14, 15", "The carrier's network and M2M platform", "the carrier's side"),
    beyond("16", "Rules Engine forwards data", "inside the cloud"),
    beyond("17", "APIs and push services forward data", "inside the cloud"),
    row(
        "21, 44, 104, 127",
        "The endpoint is ${YourProductKey}.coap.cn-shanghai.link.aliyuncs.com",
        (auth(host=HOST), "2.05"),
        (auth(host=_ANOTHER), "[45].0."),
        (auth(host="example.com"), "5.05"),
    ),
    row(
        "26, 45, 105",
        "Port 5682",
        (auth(host=HOST, port=5682), "2.05"),
        (auth(host=HOST, port=5684), "5.05"),
        (port("alibaba", "coap"), "5682"),
    ),
    row(
        "32-36",
        "POST /auth with Host, Port, Accept and Content-Format",
        (auth(**_AS_DOCUMENTED), "2.05"),
        (
            sends("alibaba", "coap", profile="documented"),
            r".*a1GFjLPXXXX\.coap\.cn-shanghai\.link\.aliyuncs\.com.*auth\x112.*",
        ),
    ),
    row(
        37,
        'Sample payload: productKey, deviceName, clientId, sign, "seq":"10"',
        (
            auth(
                device=("a1NUjcVkHZS", "ff1a11e7c08d4b3db2b1500d8e0e55"),
                clientId="a1NUjcVkHZS&ff1a11e7c08d4b3db2b1500d8e0e55",
                seq="10",
            ),
            "2.05",
        ),
    ),
    row(42, "Only the POST method", (auth(method=1), "4.05"), (auth(method=3), "4.05")),
    row(43, "The URL is /auth", (auth(), "2.05"), (auth(path="nope"), "4.04")),
    row(
        "46, 106",
        "Accept: application/json and application/cbor",
        (auth(accept=50), "2.05"),
        (auth(accept=60), "2.05"),
        (auth(accept=60, keys=True), "random 16, seqOffset [0-9]+, token 35"),
        (auth(accept=42), "4.06"),
        (auth(accept=0), "4.06"),
    ),
    row(
        "47, 107",
        "Content-Format: application/json and application/cbor",
        (auth(form=50), "2.05"),
        (auth(form=60), "2.05"),
        (auth(form=42), "4.15"),
        (auth(form=None), "4.15"),
        (board("alibaba", "coap", format="cbor"), _EVERY),
        (board("alibaba", "coaps", format="cbor"), _EVERY),
    ),
    decided(
        47,
        "/auth in the board's Content-Format, json or cbor",
        (sends("alibaba", "coap", format="cbor"), r'.*auth\x112.*\{"productKey":.*'),
    ),
    row(48, "The payload is JSON", (auth(body=b"{"), "4.00")),
    row(52, "productKey: required", (auth(productKey=None), "4.00")),
    row(53, "deviceName: required", (auth(deviceName=None), "4.00")),
    row(
        54,
        "ackMode 0, the default: the result in the ACK",
        (seen(), "ACK 2.05"),
        (seen(ackMode="0"), "ACK 2.05"),
        (seen(sign="x"), "ACK 4.01"),
        (auth(ackMode="2"), "4.00"),
    ),
    row(
        55,
        "ackMode 1: an ACK at once, the result later",
        (seen(ackMode="1"), "ACK 0.00, CON 2.05"),
        (seen(ackMode="1", topic=_MINE), "ACK 0.00, CON 2.05"),
        (seen(ackMode="1", topic=_OTHERS), "ACK 0.00, CON 4.03"),
        (seen(ackMode="1", sign="x"), "ACK 0.00, CON 4.01"),
        (seen(ackMode="1", topic=_MINE, token=False), "ACK 0.00, CON 4.01"),
        (board("alibaba", "coap", ack_mode=1), _EVERY),
    ),
    row(
        "59, 61",
        "sign = hmacmd5 of all but version, sign, resources and signmethod",
        (auth(), "2.05"),
        (auth(version="1", resources="r", signmethod="hmacmd5"), "2.05"),
        (auth(ackMode="0", timestamp="1"), "2.05"),
        (auth(sign=32 * "0"), "4.01"),
    ),
    row(
        66,
        "sign=hmac_md5(deviceSecret, clientId123deviceNametestproductKey123seq123...)",
        (
            sign(
                "content --algorithm hmac-md5 seq=123 timestamp=1524448722000 clientId=123"
                " deviceName=test productKey=123",
                "secret",
            ),
            "0 .*"
            + mac(
                "secret",
                "clientId123deviceNametestproductKey123seq123timestamp1524448722000",
                "md5",
            )
            + ".*",
        ),
    ),
    row(
        70,
        "signmethod: hmacmd5 and hmacsha1",
        (auth("md5", signmethod="hmacmd5"), "2.05"),
        (auth("sha1", signmethod="hmacsha1"), "2.05"),
        (auth("sha512", signmethod="hmacsha512"), "4.00"),
        (board("alibaba", "coap", sign_method="hmacmd5"), _EVERY),
        (board("alibaba", "coap", sign_method="hmacsha1"), _EVERY),
    ),
    decided(
        70,
        "signmethod: hmacmd5 by default",
        (sends("alibaba", "coap"), '.*"signmethod":"hmacsha256".*'),
        (auth("sha256", signmethod="hmacsha256"), "2.05"),
    ),
    row(
        71,
        "clientId: required, up to 64 characters",
        (auth(clientId=None), "4.00"),
        (auth(clientId=64 * "c"), "2.05"),
        (auth(clientId=65 * "c"), "4.00"),
        (board("alibaba", "coap", client_id=65 * "c"), r"device\.json: .*64.*"),
    ),
    decided(
        "50-72",
        "A payload without seq, on port 5682",
        (auth(seq=None), "4.00"),
        (sends("alibaba", "coap"), r'.*"seq":"\d+".*'),
    ),
    row(72, "timestamp is not verified", (auth(timestamp="1524448722000"), "2.05")),
    row(
        77,
        'Sample response: {"random": 16 digits, "seqOffset", "token"}',
        (auth(keys=True), r"random 16, seqOffset \d+, token 35"),
    ),
    row(82, "random: the encryption key for data", (report(), "2.05")),
    row(83, "seqOffset: the sequence offset", (report(custom=_seq(0)), "4.01")),
    row(84, "token: the token of the device", (report(custom=_unknown_token), "4.01")),
    row(
        "91-97",
        "POST /topic/${topic}, with Host, Port, Accept, Content-Format, 2088, 2089",
        (report(**_AS_DOCUMENTED), "2.05"),
        (board("alibaba", "coap", profile="documented"), _EVERY),
    ),
    decided(
        "104-106",
        "Host, Port and Accept: required",
        (report(), "2.05"),
        (sends("alibaba", "coap"), r"(?!.*aliyuncs).*auth.*"),
    ),
    row(
        "102, 103", "POST, /topic/${topic}", (report(method=1), "4.05"), (report(_OTHERS), "4.03")
    ),
    row(108, "The payload is encrypted by AES", (report(plain=True), "4.00"), (report(), "2.05")),
    row(109, "2088: the token", (report(custom=_without_token), "4.01")),
    row(
        111,
        "The token each time; when it is lost or expires, /auth again",
        (report(expired=True), "4.01"),
        (
            again("alibaba", "coap", {"name": "expire_tokens"}, "^report 4 stored"),
            "1 authenticated",
        ),
        (
            again("alibaba", "coaps", {"name": "expire_tokens"}, "^report 4 stored"),
            "1 authenticated",
        ),
    ),
    row(
        113,
        "2089: greater than seqOffset, unique, encrypted by AES",
        (report(custom=_seq(-1)), "4.01"),
        (report(custom=_seq(0)), "4.01"),
        (report(custom=_seq(7000001)), "2.05"),
        (report(custom=_seq(7000001)), "4.01"),
        (report(custom=_without_seq), "4.01"),
    ),
    row(
        117, "2090: the message id", (report(custom=_seq(7000002), wanted=2090), r"2.05 \d{18,19}")
    ),
    row(
        122,
        "A status code and a message id are returned",
        (board("alibaba", "coap"), r"report 1 stored as \d{18,19}"),
    ),
    row(
        132,
        "Port 5684 for DTLS",
        (handshake("-dtls1_2", cloud="alibaba", way="coaps", host=HOST), "agreed .*"),
        (
            handshake(
                "-dtls1", "-cipher", "ALL:@SECLEVEL=0", cloud="alibaba", way="coaps", host=HOST
            ),
            "alert 70",
        ),
        (port("alibaba", "coaps"), "5684"),
    ),
    row(
        133,
        "The root certificate, by which the server is trusted",
        (handshake("-dtls", cloud="alibaba", way="coaps", host=HOST), "agreed .*"),
        (
            board("alibaba", "coaps", host="wrong.example.com"),
            "not connected: .*wrong.example.com.*",
        ),
    ),
    row(
        134,
        "Call /auth for the token, then send data with it",
        (dtls("auth"), "2.05"),
        (dtls("topic" + _MINE), "2.05"),
        (board("alibaba", "coaps"), _EVERY),
    ),
    row(
        144,
        "Sample payload on port 5684: no seq",
        (dtls("auth", clientId="mylight1000002"), "2.05"),
        (dtls("auth", clientId="mylight1000002", seq="10"), "2.05"),
    ),
    row(152, "Response: a token of 32 hexadecimal digits", (dtls(name="token"), "[0-9a-f]{32}")),
    row(157, "2.05 Content", (dtls(), "2.05")),
    row(158, "4.00 Bad Request", (dtls(body=b"{"), "4.00"), (auth(body=b"{"), "4.00")),
    row(
        159,
        "4.01 Unauthorized",
        (dtls(sign="x"), "4.01"),
        (dtls("topic" + _MINE, token=""), "4.01"),
        (dtls("topic" + _MINE, token=32 * "0"), "4.01"),
    ),
    row(160, "4.03 Forbidden", (dtls("topic" + _OTHERS), "4.03")),
    row(161, "4.04 Not Found", (dtls("nope"), "4.04"), (auth(path="zz"), "4.04")),
    row(162, "4.05 Method Not Allowed", (dtls(method="get", form=None), "4.05")),
    row(163, "4.06 Not Acceptable", (dtls(accept=41), "4.06"), (dtls(accept=42), "4.06")),
    row(164, "4.15 Unsupported Content-Format", (dtls(form=41), "4.15"), (dtls(form=42), "4.15")),
    row(
        165,
        "5.00 Internal Server Error: the authentication server has an error",
        (ordered(_KILL, auth(), _START), "5.00"),
    ),
    row(
        171,
        "A topic needs a topic category",
        (dtls("topic/a1GFjLP3xxC/device/sensor/log"), "4.03"),
        (signet("twin topic add alibaba a1GFjLP3xxC sensor/log"), "0 .*"),
        (dtls("topic/a1GFjLP3xxC/device/sensor/log"), "2.05"),
    ),
    row(
        "173",
        "A topic with the permission to publish, as .../pub",
        (dtls("topic/a1GFjLP3xxC/device/pub"), "2.05"),
        (dtls("topic/a1GFjLP3xxC/device/user/get"), "4.03"),
    ),
    row("178-184", "Data by DTLS: option 2088 alone", (dtls("topic" + _MINE), "2.05")),
    row(
        "189-192",
        "Method, URL, Host and Port 5684",
        (dtls("topic" + _MINE), "2.05"),
        (dtls("auth", port=5682), "5.05"),
    ),
    row(
        "193, 194",
        "Accept and Content-Format: json and cbor",
        (dtls("topic" + _MINE, form=60, accept=60), "2.05"),
        (dtls("topic" + _MINE, accept=41), "4.06"),
        (dtls("topic" + _MINE, form=41), "4.15"),
    ),
    row(
        "195-197",
        "2088 is required; expired: authenticate again",
        (dtls("topic" + _MINE, token=""), "4.01"),
        (ordered({"name": "expire_tokens"}, dtls("topic" + _MINE)), "4.01"),
    ),
)
