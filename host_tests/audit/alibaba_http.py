"""Which sentences has Alibaba's "Establish connections over HTTP"?"""

from host_tests.audit.board import again, board, sends
from host_tests.audit.command import mac, port, sign, signet
from host_tests.audit.row import decided, row
from host_tests.audit.tls import handshake
from host_tests.audit.web import ALIBABA, answers, auth, ordered, plain, topic

DOCUMENT = "Alibaba HTTP"

_KILL, _START = {"name": "kill_broker"}, {"name": "start_broker"}


def _answer(code: int, path: str = "auth") -> dict[str, object]:
    """The fault that lets the next request be answered with a code of the tables."""
    return {"name": "answer_http", "cloud": "alibaba", "path": path, "code": code}


_SAMPLE = (
    r"POST /auth HTTP/1\.1\r\nHost: iot-as-http\.cn-shanghai\.aliyuncs\.com.*"
    r'\{"version":"default","clientId":"[^"]+","signmethod":"hmacsha1","sign":"\w{40}",'
    r'"productKey":"a1GFjLPXXXX","deviceName":"device123","timestamp":"\d{13}"\}'
)
_EVERY = "report 1 stored.*"  # 128 KB and so many bytes more, from flash.
_RAW = """
import board, signet
with open("large", "wb") as file:
    for _ in range(1024):
        file.write(bytes(128))
    file.write(bytes({}))
link = signet.open("device.json", board)
link.report(open("large", "rb"), topic="/a1GFjLPXXXX/device123/user/{}")
while True:
    link.poll(1000)
"""

ROWS = (
    row(
        "3, 13",
        "Only HTTPS is supported",
        (plain("alibaba", "https", f"http://{ALIBABA}:443/auth"), "curl 52|curl 56|400"),
        (board("alibaba", "https", tls=False, insecure=True), r"device\.json: .*HTTPS.*"),
    ),
    row("7", "For simple data reports", (board("alibaba", "https"), _EVERY)),
    row(
        "9",
        "The endpoint is https://iot-as-http.cn-shanghai.aliyuncs.com",
        (handshake(cloud="alibaba", way="https", host=ALIBABA), "agreed .*"),
        (auth(), "200 0"),
        (auth(host="example.com"), "421 10001"),
        (port("alibaba", "https"), "443"),
    ),
    decided(
        11,
        "Only China (Shanghai) supports HTTP",
        (auth(host="iot-as-http.cn-beijing.aliyuncs.com"), "200 0"),
        (
            sends("alibaba", "https", host="iot-as-http.cn-beijing.aliyuncs.com"),
            "POST /auth .*beijing.*",
        ),
    ),
    row(
        15,
        "/topic/${topic} takes the topics of MQTT",
        (topic(), "200 0"),
        (
            topic(
                "/sys/a1GFjLPXXXX/device123/thing/event/property/post", b'{"id":"1","params":{}}'
            ),
            "200 0",
        ),
        (topic("/a1GFjLPXXXX/other/user/pub"), "200 30001"),
        (topic("/a1GFjLPXXXX/device123/+"), "200 30001"),
    ),
    row(
        "15",
        "No ?query_String=xxx",
        (topic("/a1GFjLPXXXX/device123/user/pub?a=b"), "200 10001"),
        (board("alibaba", "https", _RAW.format(0, "pub?a=b")), "report -1 set aside: .*"),
    ),
    row(
        17,
        "Data is limited to 128 KB",
        (topic(body=bytes(131072)), "200 0"),
        (topic(body=bytes(131073)), "200 10001"),
        (board("alibaba", "https", _RAW.format(0, "pub")), "report -1 stored.*"),
        (
            board("alibaba", "https", _RAW.format(1, "pub")),
            "report -1 set aside: .*131073.*",
        ),
    ),
    row(
        "19, 47, 118",
        "Only the POST method is supported",
        (auth(method="GET"), "405 10001"),
        (auth(method="PUT"), "405 10001"),
        (topic(method="GET"), "405 10001"),
    ),
    row(
        "21, 50",
        "Authentication: Content-Type application/json, else a parameter error",
        (auth(content_type="text/plain"), "200 10001"),
        (auth(content_type="application/octet-stream"), "200 10001"),
        (auth(content_type=""), "200 10001"),
        (sends("alibaba", "https"), ".*\r\nContent-Type: application/json\r\n.*"),
    ),
    row(
        "23, 122",
        "Data: Content-Type application/octet-stream, else a parameter error",
        (topic(content_type="application/json"), "200 10001"),
        (topic(content_type=""), "200 10001"),
        (topic(), "200 0"),
    ),
    row(
        25,
        "The token is valid for seven days",
        (answers("/auth"), '.*"token": ?"[0-9a-f]+".*'),
        (again("alibaba", "https", None, "^report 1 stored"), "0 authenticated"),
    ),
    row(
        30,
        "Authenticate, then report with the token",
        (auth(), "200 0"),
        (topic(), "200 0"),
        (board("alibaba", "https"), _EVERY),
    ),
    row(
        "39-42",
        "The board sends the sample /auth request, its fields in that order",
        (sends("alibaba", "https", sign_method="hmacsha1"), _SAMPLE),
    ),
    row(
        42,
        "The sample's timestamp is years old",
        (auth("sha1", signmethod="hmacsha1", timestamp="1501668289957"), "200 20000"),
    ),
    row(55, "productKey: required", (auth(productKey=None), "200 10001")),
    row(56, "deviceName: required", (auth(deviceName=None), "200 10001")),
    row(
        57,
        "clientId: required, up to 64 characters",
        (auth(clientId=None), "200 10001"),
        (auth(clientId=64 * "c"), "200 0"),
        (auth(clientId=65 * "c"), "200 10001"),
        (board("alibaba", "https", client_id=65 * "c"), r"device\.json: .*64.*"),
    ),
    row(
        58,
        "timestamp: optional; good for 15 minutes",
        (auth(), "200 0"),
        (auth(age_s=890), "200 0"),
        (auth(age_s=910), "200 20000"),
        (auth(age_s=-910), "200 20000"),
        (auth(timestamp="yesterday"), "200 10001"),
    ),
    row(
        59,
        "sign = hmacmd5(deviceSecret, content)",
        (auth(), "200 0"),
        (auth(sign=32 * "0"), "200 20000"),
    ),
    row(
        61,
        "content: all but version, sign and signmethod, sorted, no separators",
        (auth(version="default", signmethod="hmacmd5"), "200 0"),
    ),
    row(
        65,
        'hmacsha1("secret","clientId12345deviceNamedeviceproductKeypktimestamp789")',
        (
            sign(
                "alibaba --http --product-key pk --device-name device --client-id 12345"
                " --timestamp 789 --method hmacsha1",
                "secret",
            ),
            ".*"
            + mac("secret", "clientId12345deviceNamedeviceproductKeypktimestamp789", "sha1")
            + ".*",
        ),
    ),
    row(65, "Hexadecimal, case-insensitive", (auth(), "200 0"), (auth(upper=True), "200 0")),
    row(
        68,
        "signmethod: hmacmd5 or hmacsha1; hmacmd5 by default",
        (auth("md5"), "200 0"),
        (auth("sha1"), "200 20000"),
        (auth("sha1", signmethod="hmacsha1"), "200 0"),
        (auth("md5", signmethod="hmacmd5"), "200 0"),
        (auth("sha256", signmethod="hmacsha256"), "200 0"),
        (sends("alibaba", "https"), '.*"signmethod":"hmacmd5".*'),
    ),
    row(
        71,
        'version: optional, "default"',
        (auth(), "200 0"),
        (auth(version="default"), "200 0"),
        (auth(version="2"), "200 10001"),
    ),
    row(
        "73-84",
        "Sample response: code 0, message success, a token",
        (
            answers("/auth"),
            r'\{"code": ?0, ?"message": ?"success", ?"info": ?\{"token": ?"\w+"\}\}',
        ),
        (
            ordered(
                {"name": "spell_info", "word": "Info"},
                board("alibaba", "https"),
                {"name": "spell_info", "word": "info"},
            ),
            _EVERY,
        ),
    ),
    decided("77", "Info, with a capital letter", (answers("/auth"), '.*"info".*')),
    row(
        88,
        "Cache the token locally",
        (again("alibaba", "https", None, "^report 1 stored"), "0 authenticated"),
    ),
    row(
        89,
        "The token each time; when it expires, re-authenticate",
        (
            again("alibaba", "https", {"name": "expire_tokens"}, "^report 4 stored"),
            "1 authenticated",
        ),
    ),
    row(
        "92, 140",
        "10000 common error: the board tries again",
        (ordered(_answer(10000), auth()), "200 10000"),
        (topic(order=_answer(10000, "topic")), "200 10000"),
        (
            again("alibaba", "https", _answer(10000, "topic"), "^report 4 stored"),
            "0 authenticated",
        ),
    ),
    row(
        "93, 141",
        "10001 param error",
        (auth(version="2"), "200 10001"),
        (topic(content_type="text/plain"), "200 10001"),
    ),
    row(
        94,
        "20000 auth check error",
        (auth(sign="x"), "200 20000"),
        (auth(device=("a1GFjLPXXXX", "never")), "200 20000"),
    ),
    row(95, "20004 update session error", (ordered(_KILL, auth(), _START), "200 20004")),
    row(
        "96, 146",
        "40000 request too many",
        (ordered(_answer(40000), auth()), "200 40000"),
        (topic(order=_answer(40000, "topic")), "200 40000"),
    ),
    row(
        102,
        "A custom topic needs a topic category",
        (topic("/a1GFjLPXXXX/device123/sensor/log"), "200 30001"),
        (signet("twin topic add alibaba a1GFjLPXXXX sensor/log"), "0 .*"),
        (topic("/a1GFjLPXXXX/device123/sensor/log"), "200 0"),
    ),
    row(
        104,
        "A device reports to .../topic/a1GFjLPXXXX/device123/user/pub",
        (topic("/a1GFjLPXXXX/device123/user/pub"), "200 0"),
    ),
    row(
        "109-123",
        "Upstream data request: the header password holds the token",
        (topic(), "200 0"),
        (board("alibaba", "https"), _EVERY),
    ),
    row(
        "127-136",
        "Sample response: code 0 and a messageId, an integer of 60 bits",
        (
            answers("/topic/a1GFjLPXXXX/device123/user/pub"),
            r'\{"code": ?0, ?"message": ?"success", ?"info": ?\{"messageId": ?\d{18,19}\}\}',
        ),
        (board("alibaba", "https"), r"report 1 stored as \d{18,19}"),
    ),
    row(142, "20001 token is expired", (topic(order={"name": "expire_tokens"}), "200 20001")),
    row(143, "20002 token is null", (topic(token=""), "200 20002")),
    row(144, "20003 check token error", (topic(token=32 * "0"), "200 20003")),
    row(145, "30001 publish message error", (topic("/a1GFjLPXXXX/other/user/pub"), "200 30001")),
)
