"""Is a secret, or a key, that stands in the wrong place of device.json ever shown?

Each field of each cloud and way in gets each of them, in several ways; neither the error, nor a
warning, nor what the log shows of a configuration that is taken may hold it.
"""

import json
import os

import check
from signet.device import config
from signet.errors import ConfigError

_PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIN2Y\n-----END PRIVATE KEY-----\n"
_SECRETS = (
    "MP$08VKz!8rXwnR-Q*",  # a token of Watson's document
    "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6",  # as Alibaba's console shows one
    "9f86d081884c7d659a2feaa0c55ad015",
    "MC4CAQAwBQYDK2VwBCIEIN2Yq0u1/8o7Yk3+Q2w5Zr8t",  # a key without its PEM lines
    "correct horse 7 battery",  # of a Wi-Fi
    _PEM,
    4_711_081_5,
)
_CLOUDS = {
    "broker": {"client_id": "c", "user": "u", "password": "p"},
    "azure": {"device_id": "d", "device_key": "a2tra2tra2tra2tra2tra2tra2s="},
    "enos": {"product_key": "pk", "device_key": "dk", "device_secret": "s"},
    "alibaba": {"product_key": "pk", "device_name": "dn", "device_secret": "s"},
    "watson": {"org_id": "abcdef", "type_id": "t", "device_id": "d", "token": "t"},
}
_BY_DPS = {"device_id": None, "id_scope": "0ne0", "registration_id": "r"}
_APPLICATION = {"org_id": "abcdef", "app_id": "a", "api_key": "a-k", "token": "t"}
_KINDS = [
    (cloud, way, {}) for cloud, way in (("enos", "mqtt"), ("alibaba", "mqtt"), ("alibaba", "coap"))
]
_KINDS += [("alibaba", "http", {}), ("watson", "mqtt", {}), ("watson", "http", {})]
_KINDS += [("watson", "mqtt", {"role": "gateway"}), ("watson", "mqtt", {"role": "application"})]
_KINDS += [("broker", "mqtt", {"preset": name}) for name in ("json", "homeassistant", "aws")]
_KINDS += [("azure", "mqtt", {}), ("azure", "mqtt", _BY_DPS)]


def _base(cloud, way, more):
    values = {"cloud": cloud, "way": way, "host": "mqtt.example.com", "tls": True}
    values.update(_CLOUDS[cloud] if more.get("role") != "application" else _APPLICATION)
    values.update(more)
    return values


def _fields(cloud, way):
    identity = __import__("signet.cloud.{}.identity".format(cloud), None, None, ("*",))
    found = []
    for fields in (config.FIELDS, config.BY_WAY[way], identity.FIELDS, identity.BY_WAY[way]):
        found += fields
    return sorted(found)


def _misplaced(base, key, secret):
    """Yields what may become of a device.json when somebody errs."""
    for value in (secret, [secret], {"x": secret}, [[secret]]):
        values = base.copy()
        values[key] = value
        yield values
    if isinstance(secret, str):
        values = base.copy()
        values[secret] = values.pop(key, 1)  # in place of the key
        yield values
        if isinstance(base.get(key), str):
            values = base.copy()
            values[key] += " " + secret
            yield values
            names = "token", "password", "device_secret", "device_key"
            own = next(name for name in names if name in base)
            values = base.copy()
            values[own], values[key] = values[key], secret  # one for the other
            yield values


def _pieces(secret):
    """What must not be seen: the secret, in any quotes, and each line of a key."""
    if not isinstance(secret, str):
        return [str(secret)]
    return [line for line in secret.split("\n") if len(line) > 4]


def _said(function, *arguments):
    """All that somebody may read when it is loaded: of what is taken, what the log shows later."""
    lines = []
    try:
        values = function(*arguments, lines.append)
        lines += [str(values[key]) for key in ("host", "address")]
    except ConfigError as error:
        lines += [str(error), repr(error), str(error.key), str(error.example)]
    return "\n".join(lines)


def test_no_secret_in_the_wrong_place_is_shown():
    count = 0
    for cloud, way, more in _KINDS:
        base = _base(cloud, way, more)
        for key in _fields(cloud, way):
            mistakes = [
                (each, values) for each in _SECRETS for values in _misplaced(base, key, each)
            ]
            for secret, values in check.spread(mistakes):
                said = _said(config.check, values)
                count += 1
                for piece in _pieces(secret):
                    assert piece not in said, (key, said)
    assert count > check.scaled(5000)


def test_no_name_of_a_file_is_shown_unless_it_looks_like_one():
    path = check.scratch("device.json")
    try:
        for key in ("ca", "cert", "key"):
            for secret in _SECRETS:
                values = _base("watson", "mqtt", {"cert": "board-1.pem"})
                values[key] = secret
                with open(path, "w") as file:
                    json.dump(values, file)
                said = _said(config.load, path)
                assert "device.json: " in said
                for piece in _pieces(secret):
                    assert piece not in said, (key, said)
    finally:
        os.remove(path)
