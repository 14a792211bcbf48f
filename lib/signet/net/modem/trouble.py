"""What is wrong with a modem, in one line?

Loaded when something is, and forgotten: see modules.call.
"""

from micropython import const

from signet.errors import Lost

_LONGEST = const(60)  # of what it says

_WORDS = {
    "absent": "no modem answers; check its power, `uart`, `tx`, `rx` and `baud`",
    "junk": "what comes from the modem is junk; check `baud`, `tx` and `rx`",
    "silent": "the modem does not answer any more",
    "reset": "the modem has reset itself, it says {}; check its power supply",
    "closed": "the modem has closed the socket, it says {}",
    "SIM": "the modem has no SIM card, or one that asks for a PIN",
    "denied": "the network denies this SIM card; check its contract, and `apn`",
    "searching": "no coverage: the modem still searches; check its antenna and bands",
    "lost": "no coverage any more: the modem has lost the network",
    "name": "the network does not know `host`, the modem says {}; check `apn`, or give `address`",
    "open": "the modem opens no socket, it says {}; check `apn`",
    "other": "the modem is of another family, it says {}; check `family`",
}
_REFUSES = const("the modem refuses {}, it says {}")


def lost(at, what):
    """Returns a Lost.

    Args:
        at: at.At.
        what: str, a word of the table, or "gone"; or the command that was refused.
    """
    said = at.said
    if what == "gone":
        said = at.gone
        what = "closed" if any(said.startswith(text) for text in at.CLOSED) else "reset"
    elif what == "absent" and said:
        what = "junk"
    said = repr(bytes(said[:_LONGEST]))[1:]
    words = _WORDS.get(what)
    if words is None:  # no secrets: what is behind the command's name may be a password
        return Lost(_REFUSES.format(what.split("=")[0], said))
    return Lost(words.format(said))


def found(at):
    """A job: why has a modem that answers not opened a socket?  Raises: Lost, or nothing."""
    if not at.fresh:
        return
    said = []
    for command in ("ATI", "AT+CGMM", "AT+CGMR"):
        for line in (yield from at.ask(command, b"")) or ():
            if line[:2] != b"AT":  # no echo
                for i in range(len(line) - 9):
                    if line[i : i + 10].isdigit():  # a serial number
                        line = line[:i]
                        break
                said.append(line)
        at.said = b" ".join(said)
        if any(name in at.said for name in at.NAMES):
            break
    else:
        raise lost(at, "other")
    if any(name in at.said for name in at.OTHERS):
        raise lost(at, "other")
    yield from card(at)


def card(at):
    """A job: is there a SIM card?  Raises: Lost.  Not every family can tell."""
    states = yield from at.ask(*at.CARD)
    # 3GPP TS 27.007 section 9.2: 10 to 18 are of the SIM card
    if states or (
        states is None and not (at.said.startswith(b"+CME ERROR:1") and len(at.said) == 13)
    ):
        return
    raise lost(at, "SIM")
