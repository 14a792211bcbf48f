"""For which device.json is signet linked, when `make proof` runs a portable file on a linked tree?

A file may say so by itself (LINKED, see check.py); for any other it is what its name begins with.
"""

_WAYS = (
    ("alibaba coaps", "dtls datagram", {"cloud": "alibaba", "way": "coap", "tls": True}),
    (
        "alibaba coap",
        "alibaba_auth coap block observe exchange etsi libcoap aes cbor",
        {"cloud": "alibaba", "way": "coap", "tls": False},
    ),
    ("alibaba https", "alibaba_http http nginx", {"cloud": "alibaba", "way": "http"}),
    (
        "watson wss",
        "websocket floods",
        {"cloud": "watson", "way": "mqtt", "websocket": True},
    ),
    (
        "watson mqtts, certificate",
        "client_certificate",
        {"cloud": "watson", "way": "mqtt", "cert": "cert.pem", "key": "key.pem"},
    ),
    ("watson mqtts", "", {"cloud": "watson", "way": "mqtt"}),
)
"""Name, starts of files' names after `test_`, values of a device.json: the first that fits."""

_SEVERAL = "reads the device.json of several clouds, ways or roles: a linked tree has one"
_PATHS = "makes its own device.json, of other files: the code of a linked board is for one"
_MODEMS = "speaks to modems of every family: a linked tree has one, or none"
_TWICE = "a name would have to be kept that means two things; the linker refuses it"
READABLE_ONLY = {
    "test_alibaba_coap": "has format, profile and DTLS vary, which a linked tree has decided",
    "test_alibaba_coap_troubles": "has format and DTLS vary, which a linked tree has decided",
    "test_alibaba_coap_floods": "has DTLS vary, which a linked tree has decided",
    "test_azure": "has a key, a certificate and DPS, of which a linked tree has one",
    "test_broker": "has several presets, of which a linked tree has one",
    "test_config": _SEVERAL,
    "test_config_http": _SEVERAL,
    "test_config_modem": _SEVERAL,
    "test_config_secrets": _SEVERAL,
    "test_contract_channel": _SEVERAL,
    "test_dialects": _SEVERAL,
    "test_dialects_properties": _SEVERAL,
    "test_expiry": _SEVERAL,
    "test_identity": _SEVERAL,
    "test_modem": _MODEMS,
    "test_modem_above": _MODEMS,
    "test_modem_transcripts": _MODEMS,
    "test_mqtt_session": "has clouds with and without answers, of which a linked tree has one",
    "test_ready": _PATHS,
    "test_renewal": _PATHS,
    "test_renewal_cut_short": _PATHS,
    "test_renewal_refused": _PATHS,
    "test_runner": "of the runner itself",
    "test_scripts": "of the runner itself",
    "test_trial": _PATHS,
    "test_umqtt": "connects with TLS and without, which a linked tree has decided",
    "test_watson_http": _TWICE,
    "test_watson_http_commands": _TWICE,
    "test_watson_identity": _SEVERAL,
    "test_watson_links": _SEVERAL,
    "test_watson_notices": _SEVERAL,
    "test_watson_policy": _PATHS,
    "test_watson_roles": _SEVERAL,
    "test_watson_troubles": _SEVERAL,
    "test_websocket_mqtt": "connects with TLS and without, which a linked tree has decided",
    "test_link::test_a_file_is_a_report_where_the_session_takes_it": "has deep_sleep vary",
    "test_link::test_event_and_device_are_names": "is a gateway, and the linked tree a device",
    "test_text::test_a_notice_is_made_printable": _SEVERAL,
    "test_text::test_no_line_of_the_log_is_forged_whoever_has_his_say_in_it": _SEVERAL,
    "test_websocket_channel::test_host_has_the_port_where_it_is_not_the_usual_one": (
        "changes what a module imports, which is not there by its name"
    ),
}
"""Files, or single tests, that run on the readable tree only, and why."""


def linked_for(stem):
    """Which tree a file runs on beside the readable one: {way: values of a device.json}."""
    word = stem.removeprefix("test_")
    found = ((way, values) for way, starts, values in _WAYS if _begins(word, starts))
    return dict([next(found)])


def _begins(word, starts):
    return not starts or word.startswith(tuple(starts.split()))


def is_readable_only(stem, test):
    """Does a test of a file run on the readable tree only?"""
    return stem in READABLE_ONLY or f"{stem}::{test}" in READABLE_ONLY
