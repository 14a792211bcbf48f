"""Does a topic or a topic filter obey a rule of a cloud's rule table?

A rule is a topic whose levels may be: `~` one level without wildcards, `~_reply` one such level
with that ending, `+` one level that may be the wildcard `+`, `*` (last) any remainder,
`{name}` the value of that name. No level is ever empty, save the first before a leading "/".
What a broker may close on obeys no rule.
The notation is that of eclipse/amlen's `topicrule.c`, the opened Watson messaging proxy.
"""

import functools
import operator
import re
from collections.abc import Iterable, Mapping

# MQTT 3.1.1, section 1.5.3: what receives control characters or what Unicode calls non-characters
# may close the connection, as mosquitto does; and on topics of more levels (it counts "/").
_LAST = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_UNFIT = re.compile(f"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef{_LAST}]")
_SLASHES = 200
_LEVEL = "[^/+#]+"


def allowed(topic: str, rules: Iterable[str], names: Mapping[str, str]) -> bool:
    """Whether any of `rules` lets `topic` (or a filter) pass; `names` fills their `{name}`s."""
    if not _readable(topic):
        return False
    for rule in rules:
        form, wanted = _form(rule)
        found = form.fullmatch(topic)
        if found and all(map(operator.eq, found.groups(), map(names.get, wanted))):
            return True
    return False


def fit(topic: str) -> bool:
    """Whether a broker takes it, and does not close the connection on it."""
    return len(topic.encode()) < 1 << 16 and topic.count("/") <= _SLASHES and _readable(topic)


def _readable(topic: str) -> bool:
    return (topic.isascii() and topic.isprintable()) or not _UNFIT.search(topic)


@functools.cache
def _form(rule: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """What a rule's topics look like, and which names its groups have to equal."""
    levels = rule.split("/")
    names = tuple(level[1:-1] for level in levels if level.startswith("{"))
    return re.compile("/".join(map(_level, levels))), names


def _level(wanted: str) -> str:
    if wanted == "+":
        return rf"(?:\+|{_LEVEL})"
    if wanted == "*":
        return "[^/]+(?:/[^/]+)*"
    if wanted.startswith("~"):
        return _LEVEL + re.escape(wanted[1:])
    return "([^/]*)" if wanted.startswith("{") else re.escape(wanted)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to `topic_filter` receives `topic` (MQTT 3.1.1, section 4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)
