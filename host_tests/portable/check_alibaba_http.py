"""How is the session over HTTPS with Alibaba Cloud opened, fresh or after a reset?"""

import check
from check_http_session import SECRET, completed, opens, reply, start
from signet.cloud.alibaba import http
from signet.device.state import State

AUTH = reply(200, '{"code":0,"message":"success","info":{"token":"t0k3n"}}')
FRESH = reply(200, '{"code":0,"message":"success","info":{"token":"fresh"}}')
DONE = reply(200, '{"code":0,"message":"success","info":{"messageId":892687627916247040}}')
TOPIC = "/pk/dn/user/update"

# Both tables of "Establish connections over HTTP".
MESSAGES = {
    10000: "common error",
    10001: "param error",
    20000: "auth check error",
    20001: "token is expired",
    20002: "token is null",
    20003: "check token error",
    20004: "update session error",
    30001: "publish message error",
    40000: "request too many",
}


def says(code, *headers):
    """Returns a reply with a code of the tables, or with an unknown one."""
    body = '{"code":%d,"message":"%s"}' % (code, MESSAGES.get(code, "who knows"))
    return reply(200, body, *headers)


def config(**changes):
    """Returns what config.load makes of a device.json; `crc` is a number of the test's."""
    values = {
        "cloud": "alibaba",
        "host": "iot-as-http.cn-shanghai.aliyuncs.com",
        "product_key": "pk",
        "device_name": "dn",
        "device_secret": SECRET,
        "client_id": None,
        "sign_method": None,
        "timestamp": None,
    }
    return completed(values, changes)


class Flash:
    state = None  # path of the state


def restarted(*replies, **changes):
    """Returns (session, server) after a reset, not begun."""
    return start(http, config(**changes), *replies, state=State(Flash.state))


def fresh(*replies, **changes):
    """Returns (session, server) on an empty flash, not begun."""
    Flash.state = check.scratch("signet.state")
    return restarted(*replies, **changes)


def opened(*replies, **changes):
    """Returns them on an empty flash, open, with the token t0k3n."""
    session, server = fresh(AUTH, *replies, **changes)
    opens(session)
    return session, server


def again(*replies, **changes):
    """Returns them after a reset, open."""
    session, server = restarted(*replies, **changes)
    opens(session)
    return session, server
