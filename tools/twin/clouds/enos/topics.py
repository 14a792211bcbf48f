"""To which topics may a device of EnOS publish and subscribe, and what must a request there hold?

Sources: the vendor's documents, `reference/mqtt` (common_param, topology_management, upstream) and
`reference/mqtt_offline`; its SDKs. The notation is that of tools.twin.wire.topics.
"""

from tools.twin.clouds.enos import params
from tools.twin.clouds.enos.params import Check
from tools.twin.clouds.values import TopicRules

_SYS = "/sys/{product_key}/{device_key}/"
_EXT = "/ext/session/{product_key}/{device_key}/"
_CHANNEL = "/sys/{product_key}/integration/"

ACTIVATE = _EXT + "thing/activate/info"
"""Where a device gets its device secret that has logged in with the product's."""

# Requests of a device for itself: the check of their params. The reply goes to the same topic +
# `_reply`.
_OWN: dict[str, Check] = {
    _SYS + "thing/measurepoint/post": params.measurepoints,
    _SYS + "thing/measurepoint/resume": params.measurepoints,
    _SYS + "thing/measurepoint/post/batch": params.batch,
    _SYS + "thing/measurepoint/resume/batch": params.batch,
    _SYS + "thing/event/~/post": params.anything,
    _SYS + "thing/attribute/update": params.attributes,
    _SYS + "thing/attribute/query": params.attribute_names,
    _SYS + "thing/attribute/delete": params.attribute_names,
    _SYS + "thing/tag/update": params.tags,
    _SYS + "thing/tag/query": params.tag_names,
    _SYS + "thing/tag/delete": params.tag_names,
    _SYS + "thing/tsltemplate/get": params.anything,
    _SYS + "ota/device/inform": params.version,
    _SYS + "ota/device/progress": params.progress,
    _SYS + "ota/device/request": params.anything,
    _SYS + "ota/device/getversion": params.anything,
}
# Requests of a gateway for the devices behind it.
_GATEWAY: dict[str, Check] = {
    _SYS + "thing/device/register": params.registrations,
    _SYS + "thing/topo/add": params.signed_devices,
    _SYS + "thing/topo/delete": params.devices,
    _SYS + "thing/topo/get": params.anything,
    _EXT + "combine/login": params.login,
    _EXT + "combine/login/batch": params.login_batch,
    _EXT + "combine/logout": params.device,
}
# Requests over the one connection of a product: message integration. Two topics differ between
# the documents and the SDKs.
_INTEGRATION: dict[str, Check] = {
    _CHANNEL + "measurepoint/post": params.integrated("measurepoints"),
    _CHANNEL + "event/post": params.integrated("events"),
    _CHANNEL + "attribute/post": params.integrated("attributes"),
    _CHANNEL + "attributes/post": params.integrated("attributes"),
}
REQUESTS = {**_OWN, **_GATEWAY, **_INTEGRATION}

# Bytes that a product's script would read; the reply is bytes, too.
RAW = (_SYS + "thing/model/up_raw", _CHANNEL + "model/up_raw", _CHANNEL + "up_raw")

# Only these are held to `method` = topic with dots: SDKs disagree with the documents on others.
METHOD_HELD = _SYS + "thing/measurepoint/*"

# Commands, which the platform pushes to a device unasked: the SDKs never subscribe to them.
_COMMANDS = (
    _SYS + "thing/model/down_raw",
    _SYS + "thing/enable",
    _SYS + "thing/disable",
    _SYS + "thing/delete",
    _SYS + "ota/device/upgrade",
)
_SESSION_COMMANDS = (
    _EXT + "combine/enable",
    _EXT + "combine/disable",
    _EXT + "combine/delete",
    ACTIVATE,
)
PUSHED = (_SYS + "thing/service/#", _SYS + "rrpc/request/#", *_COMMANDS, *_SESSION_COMMANDS)

_ANSWERS = (
    _SYS + "thing/service/measurepoint/~_reply",
    _SYS + "thing/service/~_reply",
    _SYS + "rrpc/response/~",
    *(topic + "_reply" for topic in _COMMANDS),
)
_REPLIES = (
    *(rule + "_reply" for rule in _OWN if "~" not in rule),
    _SYS + "thing/event/+/post_reply",
    _SYS + "thing/model/up_raw_reply",
)
_HEARD = (_SYS + "thing/service/*", _SYS + "rrpc/request/+", *_COMMANDS)

# "behind" is a device behind the gateway that speaks.
PUBLISH: TopicRules = {
    "device": (
        *_OWN,
        *_GATEWAY,
        *_ANSWERS,
        *(topic + "_reply" for topic in _SESSION_COMMANDS),
        RAW[0],
    ),
    "behind": (*_OWN, *_ANSWERS, RAW[0]),
    "integration": (*_INTEGRATION, *RAW[1:]),
}
SUBSCRIBE: TopicRules = {
    "device": (
        *_REPLIES,
        *(rule + "_reply" for rule in _GATEWAY),
        *_HEARD,
        *_SESSION_COMMANDS,
    ),
    "behind": (*_REPLIES, *_HEARD),
    "integration": tuple(rule + "_reply" for rule in (*_INTEGRATION, *RAW[1:])),
}

HIDDEN = (
    "/thing/activate/info",
    "/thing/device/register_reply",
    "/combine/login_reply",
    "/combine/login/batch_reply",
)
"""Ends of topics whose messages may hold a device secret."""
