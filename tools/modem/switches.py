"""What can go wrong at an emulated modem?  One switch each, all off."""

from dataclasses import dataclass, fields

SHARES = (
    "urc_loss",
    "urc_double",
    "noise",
    "send_fail",
    "cme_error",
    "reboot",
    "drop",
    "duplicate",
    "late",
    "lose_network",
)


@dataclass(frozen=True, slots=True)
class Switches:
    """How bad the modem and its network are. Shares go from 0.0 to 1.0; times are seconds.

    raises: ValueError for a value that cannot be.
    """

    echo: bool = False
    """Echo stays on, whatever ATE0 is told."""
    split: int = 0
    """Hand bytes over in pieces of 1 to so many, a millisecond apart; 0: as they come."""
    baud: int = 0
    """Bytes take their time, both ways, as at so many bits a second; 0: none."""
    answer_s: float = 0.0
    """Between a command and its answer."""
    noise: float = 0.0
    """Share of places in an answer where unsolicited lines stand."""
    urc_loss: float = 0.0
    """Share of lines "data have come" that are never sent."""
    urc_double: float = 0.0
    """Share of them that are sent twice."""
    open_s: float = 0.01
    """Between the command that opens a socket, or looks up a name, and its result."""
    send_fail: float = 0.0
    """Share of sends that the modem says failed."""
    cme_error: float = 0.0
    """Share of commands that are refused: busy."""
    reboot: float = 0.0
    """Share of commands in whose middle the modem resets, with its banner."""
    reboot_s: float = 0.2
    """How long a reset takes: nothing is heard meanwhile."""
    drop: float = 0.0
    """Share of datagrams that the network loses, each direction."""
    duplicate: float = 0.0
    """Share of datagrams that come twice."""
    late: float = 0.0
    """Share of datagrams that come `late_s` later."""
    late_s: float = 1.0
    """How much later."""
    no_sim: bool = False
    """There is no SIM."""
    denied: bool = False
    """The network refuses to register the modem."""
    register_s: float = 0.05
    """How long it searches for a network."""
    lose_network: float = 0.0
    """Share of commands at which it loses the network, for `register_s`."""
    radio_off: bool = False
    """It starts with the radio off, and registers only when told to."""
    release_s: float = 10.0
    """After so long without data the network releases the radio."""
    psm_s: float = 0.0
    """So long after that it goes to sleep, asked for or not; 0: when `+CPSMS` says so."""
    garbage: bool = False
    """Bytes that mean nothing come when it starts or wakes."""
    first_lost: bool = False
    """The first command line after a start or a wake is lost."""
    by_key: bool = False
    """No byte wakes it, but its key: `Emulator.press_key`."""
    first_socket: int = 0
    """The number of the first socket, where the modem chooses it."""
    seed: int = 0
    """Of all the random numbers."""

    def __post_init__(self) -> None:
        for name in SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a share, 0 to 1")
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}; not below 0")
        if self.first_socket > 5:
            raise ValueError(f"first_socket is {self.first_socket}; it is 0 to 5")
