"""Which topics does Watson IoT Platform take from whom?

A rule is a topic whose `~` stands for one level and whose `+` stands for one level or the
wildcard.  A level is not empty and holds no + # and no control characters.

Source: eclipse/amlen server_proxy, topicrule.c, "iot2" rules.
"""


def fits(topic, rules):
    """Is a topic, or a topic filter, as one of the rules allows?

    Args:
        topic: str.
        rules: tuple of str.
    Returns:
        bool
    """
    levels = topic.split("/")
    for rule in rules:
        parts = rule.split("/")
        if len(parts) == len(levels):
            for part, level in zip(parts, levels):
                if part == "+" and level == "+":
                    continue
                if part not in "+~":
                    if part != level:
                        break
                elif not _is_level(level):
                    break
            else:
                return True
    return False


def _is_level(text):
    if not text or "+" in text or "#" in text:
        return False
    return min(text.encode()) >= 32
