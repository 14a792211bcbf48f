"""Does a topic or a topic filter obey a rule of a cloud's rule table?

A rule is a topic whose levels may be: `~` one level without wildcards, `~_reply` one such level
with that ending, `+` one level that may be the wildcard `+`, `*` (last) any remainder,
`{name}` the value of that name. No level is ever empty, save the first before a leading "/".
Control characters obey no rule.
The notation is that of eclipse/amlen's `topicrule.c`, the opened Watson messaging proxy.
"""

import re
from collections.abc import Iterable, Mapping

_MARKS = ("+", "~", "{")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def allowed(topic: str, rules: Iterable[str], names: Mapping[str, str]) -> bool:
    """Whether any of `rules` lets `topic` (or a filter) pass; `names` fills their `{name}`s."""
    if _CONTROL.search(topic):
        return False
    given = topic.split("/")
    return any(_obeys(given, rule.split("/"), names) for rule in rules)


def _obeys(given: list[str], wanted: list[str], names: Mapping[str, str]) -> bool:
    if wanted[-1] == "*":
        wanted.pop()
        if len(given) <= len(wanted) or "" in given[len(wanted) :]:
            return False
        given = given[: len(wanted)]
    if len(given) != len(wanted):
        return False
    return all(map(_level_obeys, given, wanted, [names] * len(given)))


def _level_obeys(level: str, wanted: str, names: Mapping[str, str]) -> bool:
    if wanted[:1] not in _MARKS:
        return level == wanted
    if wanted == "+":
        return level == "+" or (level != "" and not _wild(level))
    if wanted.startswith("~"):
        ending = wanted[1:]
        return len(level) > len(ending) and level.endswith(ending) and not _wild(level)
    return level == names.get(wanted[1:-1])


def _wild(level: str) -> bool:
    return "+" in level or "#" in level


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to `topic_filter` receives `topic` (MQTT 3.1.1, section 4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)
