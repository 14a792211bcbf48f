"""May a device leave such a will, and where does one stand that was published?"""

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Client
from tools.twin.registry.store import Store
from tools.twin.wire import topics
from tools.twin.wire.packets import Will


def checked(cloud: Cloud, client: Client, will: Will | None) -> Will | None:
    """The will as the broker gets it; None without one, or where the cloud has none.

    raises: RefusedError.
    """
    if will is None or not cloud.takes_wills:
        return None
    topic = cloud.up(client, will.topic)
    foreign = cloud.foreign(client, will.topic)
    if topic is None or not topics.fit(topic) or foreign or will.qos > cloud.max_qos:
        raise cloud.refused("will", f"the will may not be published to {will.topic!r}")
    return Will(topic, will.payload, will.qos, False)


async def file(store: Store, cloud: Cloud, client: Client, will: Will) -> None:
    """Put on file that the broker publishes a device's will now."""
    await store.batch.turn()
    store.record(
        cloud.name,
        client.device.label,
        "up",
        will.topic,
        will.payload,
        qos=will.qos,
        status="stored",
        reason="will",
    )
