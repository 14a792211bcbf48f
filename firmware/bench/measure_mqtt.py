"""How fast does a client publish at QoS 1, and at what cost?  Runs on MicroPython.

`measure_mqtt CLIENT WINDOW PORT MS` connects to 127.0.0.1:PORT, publishes for so many
milliseconds, one report at least, with as many in flight as WINDOW says, and waits for each
PUBACK.  It prints one line of JSON: how many reports, in how many microseconds, in how many of a
processor, and the modules that are loaded then.

nothing: connects nowhere, publishes nothing
client:  signet's client alone
umqtt:   umqtt.simple; nodelay: the same, with TCP_NODELAY
chumicro, aiomqttc: as their own examples use them
"""

import gc
import json
import sys
import time

ADDRESS = "127.0.0.1"
TOPIC = "iot-2/evt/status/fmt/json"
VALUES = {"temperature": 21.5, "humidity": 40, "pressure": 1013.2, "battery": 3.71, "rssi": -67}
PATIENCE_MS = 60_000


class Meter:
    """Says when to go on, and what it has taken."""

    def __init__(self, ms):
        self._ms = ms
        self.reports = 0

    def start(self):
        from processor import Processor

        gc.collect()
        self._processor = Processor()
        self._used_us = self._processor.used_us()
        self._until = time.ticks_add(time.ticks_ms(), self._ms)
        self._began = time.ticks_us()

    def more(self):
        """Is another report to be published?  It counts as published then."""
        if self.reports and time.ticks_diff(self._until, time.ticks_ms()) <= 0:
            return False
        self.reports += 1
        return True

    def stop(self):
        us = time.ticks_diff(time.ticks_us(), self._began)
        row = {
            "reports": self.reports,
            "us": us,
            "cpu_us": self._processor.used_us() - self._used_us,
            "modules": list(sys.modules),
        }
        print(json.dumps(row))


def nothing(meter, port, window):
    meter.start()
    meter.stop()


def client(meter, port, window):
    from signet import clock
    from signet.client.mqtt import MQTTClient
    from signet.net.stream import TcpChannel

    client = MQTTClient()
    client.begin(TcpChannel(ADDRESS, port, clock.Deadline(PATIENCE_MS)), ("b", None, None))
    while not client.ready:
        client.poll(PATIENCE_MS)
    meter.start()
    ahead, going = 0, True
    while going or ahead:
        while going and ahead < window and client.ready:
            going = meter.more()
            if going:
                client.publish(TOPIC, json.dumps(VALUES).encode())
                ahead += 1
        event = client.poll(PATIENCE_MS if ahead else 0)
        if event and event[0] == "acked":
            ahead -= 1
    meter.stop()


def umqtt(meter, port, window):
    from umqtt.simple import MQTTClient

    client = MQTTClient("b", ADDRESS, port)
    client.connect()
    meter.start()
    while meter.more():
        client.publish(TOPIC, json.dumps(VALUES), qos=1)
    meter.stop()


def nodelay(meter, port, window):
    from no_delay import Socket
    from umqtt import simple

    simple.socket = Socket
    umqtt(meter, port, window)


def chumicro(meter, port, window):
    import select

    from chumicro_mqtt import MQTTClient
    from chumicro_sockets.sockets_factory import fixed_connector_factory

    acked = 0

    def count(topic, payload):
        nonlocal acked
        acked += 1

    client = MQTTClient(
        transport_factory=fixed_connector_factory(ADDRESS, port),
        client_id="b",
        max_tx_queue_size=max(window, 20),
    )
    client.connect()
    while client.state != "connected":
        client.handle(time.ticks_ms())
    poll = select.poll()
    poll.register(client.io_socket.sock, select.POLLIN)  # as its runner does
    meter.start()
    published, going = 0, True
    while going or acked < published:
        while going and published - acked < window:
            going = meter.more()
            if going:
                client.publish(TOPIC, json.dumps(VALUES), qos=1, on_publish=count)
                published += 1
        now = time.ticks_ms()
        if not client.io_interest(now) & 2:  # it has nothing to write
            poll.poll(100)
        client.handle(now)
    meter.stop()


class _Clock:
    """The `machine.RTC` of a board, which the unix port lacks."""

    def datetime(self):
        return (2026, 1, 1, 3, 0, 0, 0, 0)


class _Machine:
    RTC = _Clock


def aiomqttc(meter, port, window):
    import asyncio

    sys.modules["machine"] = _Machine
    from aiomqttc import MQTTClient

    async def publish(client):
        while meter.more():
            assert await client.publish(TOPIC, json.dumps(VALUES), qos=1)

    async def main():
        client = MQTTClient(client_id="b", server=ADDRESS, port=port)
        assert await client.connect()
        meter.start()
        await asyncio.gather(*[publish(client) for _ in range(window)])
        meter.stop()

    asyncio.run(main())


CLIENTS = {each.__name__: each for each in (nothing, client, umqtt, nodelay, chumicro, aiomqttc)}


if __name__ == "__main__":
    CLIENTS[sys.argv[1]](Meter(int(sys.argv[4])), int(sys.argv[3]), int(sys.argv[2]))
