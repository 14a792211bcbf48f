"""How is a topic of Watson IoT Platform made, and when is it as a rule of roles.py allows?

Events are `iot-2/evt/{event}/fmt/{format}`, of another `iot-2/type/{type}/id/{id}/evt/...`;
commands have `cmd` there.  A level is not empty and holds no + # and no control characters.

Sources: topicrule.c of eclipse/amlen server_proxy; Watson IoT "MQTT connectivity for gateways".
"""

from signet.reports.messages import check_name
from signet.wire.exact_json import printable


def topic_of(device, kind, name, form="json"):
    """Builds a topic.

    Args:
        device: (type id, device id), each of 1 to 36 letters, digits and -_.; or None where the
            topic does not say whose it is.
        kind: str, "evt" or "cmd".
        name: str, of the event or command.
        form: str, the format.
    Raises:
        Rejected: a name that cannot stand in a topic.
    """
    whose = ""
    if device is not None:
        for word in device:
            check_name(word, "device", 36)
        whose = "type/{}/id/{}/".format(*device)
    check_name(name)
    return "iot-2/{}{}/{}/fmt/{}".format(whose, kind, name, form)


def fits(topic, rules):
    """Is a topic, or a topic filter, as one of the rules allows?

    Args:
        topic: str.
        rules: sequence of str, see roles.py.
    Returns:
        bool
    """
    levels = topic.split("/")
    for rule in rules:
        parts = rule.split("/")
        if len(parts) == len(levels):
            for part, level in zip(parts, levels):
                if part != level and (part not in "+~" or not _is_name(level)):
                    break
            else:
                return True
    return False


def _is_name(level):
    return level and "+" not in level and "#" not in level and printable(level) == level
