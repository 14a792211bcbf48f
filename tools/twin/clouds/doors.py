"""On which addresses and ports do the clouds listen, and under which names?"""

from collections.abc import Sequence

from tools.twin.clouds import CLOUDS

DOORS = tuple(door for cloud in CLOUDS.values() for door in cloud.doors)


def server_names(hosts: Sequence[str]) -> list[str]:
    """What the certificate of a run's doors is called. hosts: of the ready devices' doors."""
    names = [name for cloud in CLOUDS.values() for name in cloud.server_names]
    addresses = [door.address for door in DOORS]
    return list(dict.fromkeys([*hosts, "localhost", *names, *addresses]))
