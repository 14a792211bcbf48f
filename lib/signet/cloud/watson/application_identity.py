"""Which keys of device.json say who an application is to Watson IoT Platform?

Sources: Watson IoT "Connecting applications, devices, and gateways", "MQTT connectivity for
applications"; topic rules, and what a scalable application may ask for, of eclipse/amlen
server_proxy (topicrule.c, pxmqtt.c).
"""

from signet.cloud.watson.roles import TOPICS
from signet.cloud.watson.topics import fits
from signet.errors import ConfigError

_MOST = 50  # subscriptions of one client, reference/quotas.md
_LONGEST_KEEPALIVE_S = 3600  # of a scalable application; the platform would not wait longer


def check(config, quickstart):
    """Checks the keys of an application; `subscribe` gets its default.

    Args:
        config: dict, checked by identity.FIELDS and BY_WAY.
        quickstart: bool, whether the org is quickstart.
    Raises:
        ConfigError: names the key, the rule it breaks and an example.
    """
    for key in ("type_id", "device_id"):
        if config[key] is not None:
            raise ConfigError(key, "is of devices and gateways only; an application has none")
    if config["app_id"] is None:
        raise ConfigError("app_id", "is missing", '"dashboard"')
    _check_login(config, quickstart)
    if config["role"] == "scalable-application":
        _check_scalable(config)
    elif config["instance_id"] is not None:
        raise ConfigError("instance_id", 'goes with "role": "scalable-application" only')
    _check_subscriptions(config, quickstart)


def _check_login(config, quickstart):
    if quickstart:
        if config["api_key"] is not None:
            raise ConfigError("api_key", "quickstart has no login; remove it")
    elif config["api_key"] is None and (config["cert"] is None or config["token"] is not None):
        raise ConfigError("api_key", "is missing", '"a-myorg1-a84ps90Ajs"')
    elif config["api_key"] is not None and config["token"] is None:
        raise ConfigError("token", "is missing", '"the token of the API key"')


def _check_scalable(config):
    if config["instance_id"] is None and not config["clean_session"]:
        raise ConfigError("instance_id", "is missing; without it clean_session is true", '"1"')
    if config["keepalive_s"] > _LONGEST_KEEPALIVE_S:
        raise ConfigError("keepalive_s", "of a scalable application is 3600 at most", 60)


def _check_subscriptions(config, quickstart):
    rules = TOPICS["quickstart application" if quickstart else "application"][1]
    events = rules[0]
    example = '["{}"]'.format(events.replace("~", "meter-7"))
    wanted = config["subscribe"]
    if wanted is None:
        if quickstart:
            raise ConfigError("subscribe", "is missing; quickstart wants its device", example)
        config["subscribe"] = wanted = [events]
    if not isinstance(wanted, list) or len(wanted) > _MOST:
        raise ConfigError(
            "subscribe", "must be a list of {} topics at most".format(_MOST), example
        )
    for number, topic in enumerate(wanted, 1):
        if not isinstance(topic, str) or not fits(topic, rules):
            text = "an application may not subscribe to number {} of these".format(number)
            raise ConfigError("subscribe", text, example)
