"""Which bytes does a reader of readers.py expect?  Made by hand; fuzzing begins with them."""

from binascii import b2a_base64

_JSONS = (
    b'{"id":"7","version":"1.0","params":{"led":1},"method":"thing.service.property.set"}',
    b'{"a":"\\ud83d\\ude00","b":["\\ud83d","\\\\ud83d",{"\\uDE00":1.5e3}],"c":null}',
    b'["\xf0\x9f\x98\x80","\xed\x95\x9c",-0.5,true,[[[[[[1]]]]]]," \\"{[ "]',
    b'"\xe4\xb8\xad\\u4e2d"',
)

_CBORS = (
    b"\xa2ba1\x82\x01\xf9\x3c\x00bb2\xa1aa\x44\x01\x02\x03\x04",
    b"\x85\x19\x03\xe8\x3a\x00\x0f\x42\x3f\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a\xf6\xf5",
    b"\x82\x64\xf0\x9f\x98\x80\x63\xed\x95\x9c",
)

_REPLIES = (
    b'{"id":"7","code":429,"message":"too many \\ud83d\\ude00 requests","data":{}}',
    b'{"id":7,"code":200,"data":{},"message":"success","version":"1.0"}',
    b'{"id":"1","version":"1.0","params":{"label":"hi \\ud83d","n":[1,2.5,null]}}',
    b'{"Request":"publish","Topic":"iot-2/type/m/id/m-1/evt/s/fmt/json","RC":233,"Message":"no"}',
    b'{"Action":"Connect","ClientAddr":"192.0.2.9","Protocol":"mqtt","ClientID":"d:o:t:d"}',
    b'{"random":"ad2b3a5eb51d6430","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}',
)

_CODES = (
    b'{"code":20001,"message":"token is expired"}',
    b'{"code":10001,"message":"param \\u2028 error","info":{}}',
    b'{"code":40000,"message":null}',
)

# Made by hand after RFC 5280 section 4.1: what stands before `validity`, that, and a name; then an
# EC key (RFC 5915) whose point, 04 and two bytes, stands in the certificate as well.
CERTIFICATE = (
    b"\x30\x35\x30\x33\xa0\x03\x02\x01\x02\x02\x01\x07\x30\x02\x05\x00\x30\x00"
    b"\x30\x1e\x17\x0d250101000000Z\x17\x0d490131235959Z\x30\x03\x04\x11\x22"
)
KEY = b"\x30\x0d\x02\x01\x01\x04\x01\x09\xa1\x05\x03\x03\x00\x04\x11"


def _pem(label, der):
    text = b2a_base64(der)
    return b"-----BEGIN " + label + b"-----\n" + text + b"-----END " + label + b"-----\n"


_CERTIFICATES = (
    CERTIFICATE,
    b"\x30\x37\x30\x35"
    + CERTIFICATE[4:18]
    + b"\x30\x20\x17\x0d250101000000Z\x18\x0f20490131235959Z\x30\x03\x04\x11\x22",
    b"a comment\n" + _pem(b"CERTIFICATE", CERTIFICATE) + _pem(b"EC PRIVATE KEY", KEY),
    KEY,
    b"\x30\x16\x02\x01\x00\x30\x00\x04\x0f" + KEY,
)

_DATES = (
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
)

# Lines without their CRC; "!" stands before what is to be written as it is.
_STATES = (
    b'{"crc":1,"token":"t0k3n","n":32}\n{"n":64}\n{"token":null}\n!',
    b'{"renewal":"1 2 3 0 0 0","address":"192.0.2.1"}\n!{"n":',
)

# Segments 0 and 1, and the dead letter 3.
_OUTBOXES = (
    (
        b'00000003[9,1700000000000,null,null,null]\t{"t":1}\n'
        b'00000004[10,null,"/p/d/up",null,null]\t\x00\x1b1\xff\n'
        b"00000000[5,3,1,[[3,1]],[4,1,0,0,0,0],[77]]\n!\n---\n"
        b'00000005[11,null,null,"hot",["t","d"]]\t{}\n!torn\n---\n'
        b'00000003[9,1,null,null,null]\t{"t":1}\n!no such thing'
    ),
    b"00000000[7,6,0,[],[6,6,0,0,0,0],[]]\n!",
)

_CONFIGS = (
    b'{"cloud":"enos","host":"h.test","product_key":"pk","device_key":"dk","device_secret":"s"}',
    (
        b'{"cloud":"alibaba","way":"coap","host":"h.test","product_key":"pk","device_name":"d",'
        b'"device_secret":"s","tls":true,"client_id":"\\ud83d\\ude00","app":{"a":[1]}}'
    ),
    (
        b'{"cloud":"watson","way":"http","host":"h.test","org_id":"abcdef","type_id":"t",'
        b'"device_id":"d","token":"s3cr3t","role":"gateway","command_poll_s":5}'
    ),
    (
        b'{"cloud":"watson","host":"h.test","org_id":"abcdef","role":"application","app_id":"a",'
        b'"api_key":"a-k","token":"t","subscribe":["iot-2/type/+/id/+/evt/+/fmt/+"]}'
    ),
)

SEEDS = {
    "json": _JSONS,
    "cbor": _CBORS,
    "replies": _REPLIES,
    "codes": _CODES,
    "x509": _CERTIFICATES,
    "dates": _DATES,
    "state": _STATES,
    "outbox": _OUTBOXES,
    "config": _CONFIGS,
}
