"""How is signet told of a board of your own?  By these names, in /board.py."""

import time

import machine
import network
from signet import modules

relay = machine.Pin(5, machine.Pin.OUT)
feed = machine.WDT(timeout=60_000).feed  # longer than any wait that signet cannot interrupt
station = network.WLAN(network.STA_IF)
station.active(True)
station.connect("my network", "its password")


def network_up(timeout_ms=0):  # asked ten times a second while it is down
    return station.isconnected()


def set_clock():
    return modules.call("signet.network_time", "set_clock", [("ntp", "pool.ntp.org", 123)])


def sensors():
    return {"button": machine.Pin(4, machine.Pin.IN).value(), "relay": relay.value()}


def obey(command):
    relay.value(command.data["relay"])
    return {"relay": relay.value()}


def idle(ms):
    for _ in range(0, ms, 1000):
        feed()
        time.sleep_ms(min(ms, 1000))


def deep_sleep(ms):
    station.active(False)
    machine.deepsleep(max(ms, 1))  # 0 would be for ever
