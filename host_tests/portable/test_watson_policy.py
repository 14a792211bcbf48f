"""What is a client of Watson told whose login a certificate policy ends?

It is closed without CONNACK (eclipse/amlen server_proxy, pxmqtt.c).  A file of its own: on 64 bits
the heap holds little beside TLS and a link.
"""

from check_watson_links import Program

SERVERS = {"closes": ("tls", "good", [("packet",), ("close",)])}


def _asks_for_the_certificate_policy(role):
    line = Program("closes", role).logs("not connected")
    assert "instead of answering CONNECT" in line and "check `cert`" in line, line


def test_a_device_whose_login_is_closed_is_told_of_certificates():
    _asks_for_the_certificate_policy("device")


def test_a_gateway_whose_login_is_closed_is_told_of_certificates():
    _asks_for_the_certificate_policy("gateway")


def test_an_application_whose_login_is_closed_is_told_of_certificates():
    _asks_for_the_certificate_policy("application")
