"""On which addresses and ports do the clouds listen, and under which names?"""

from collections.abc import Sequence

from tools.twin.clouds import CLOUDS

DOORS = tuple(door for cloud in CLOUDS.values() for door in cloud.doors)


def server_names(hosts: Sequence[str]) -> list[str]:
    """What the certificate of a run's doors is called. hosts: of the ready devices' doors."""
    names = [name for cloud in CLOUDS.values() for name in cloud.server_names]
    addresses = [door.address for door in DOORS]
    return list(dict.fromkeys([*hosts, "localhost", *names, *addresses]))


def host(cloud: str, way: str, product: str) -> str:
    """The name of a way in for a device. product: of the device; Watson's begins with its org."""
    (*_, template) = (door.host for door in DOORS if door.cloud == cloud and way in door.ways({}))
    return template.format(product=product.partition("/")[0])
