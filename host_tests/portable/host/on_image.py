"""How does a portable file run on the firmware image?  From its flash; QEMU's console tells.

lib is what the image has frozen. What a test reads of this machine's files lies at the same path.
"""

import json
import os
import re
import time
from pathlib import Path

from tools import toolchain
from tools.board import qemu
from tools.board.image import format_flash

_FLASH_BYTES = 8 << 20
_YEAR_2000_S = 946_684_800

# What is printed is the console's; the network is up before the first test.
_MAIN = """
import network, runner, time
card = network.LAN()
card.active(True)
while not card.isconnected():
    time.sleep_ms(1)
runner.main({!r}, {!r}, {!r})
"""


def command(path, own, context, names, heap_k, compiled):
    """Puts a test file, and what it reads, on a flash; returns how QEMU is started on it.

    path: the test file. own: a folder of its own, context.json in it. context: what that says.
    names: of the tests. compiled: folders of .mpy files.
    """
    file = own / "context.json"
    files = {"/main.py": _MAIN.format(path.stem, str(file), names).encode()}
    for folder in compiled:
        files |= {f"/{found.name}": found.read_bytes() for found in folder.glob("*.mpy")}
    named = map(Path, re.findall(r'"(/[^"]+)"', json.dumps(context["servers"])))
    folders = {each.parent for each in named if each.is_file()}  # tests know what lies beside
    read = [file, *_vectors(path, context), *(each for f in folders for each in f.iterdir())]
    files |= {str(each): each.read_bytes() for each in read if each.is_file()}
    flash = own / "flash.img"
    with flash.open("wb") as new:
        os.truncate(new.fileno(), _FLASH_BYTES)
    format_flash(flash, toolchain.word_sizes()[0], files)
    now_s = int(time.time()) - _YEAR_2000_S
    return qemu.command(str(flash), heap_k << 10, None, now_s)


def _vectors(path, context):
    """Those whose name is a word of the test file, or of what it imports."""
    text = path.read_text()
    for name in set(re.findall(r"check_\w+", text)):
        if (check := path.with_name(f"{name}.py")).exists():
            text += check.read_text()
    for folder in map(Path, context["vectors"]):
        yield from (each for each in folder.iterdir() if f'"{each.stem}"' in text)


_DTLS = "a server's flight has several datagrams; lwIP's sockets keep one before MicroPython 1.26"
_ONE = "several datagrams come at once; lwIP's sockets keep one before MicroPython 1.26"
_COMPUTES = "computes only, as on the other interpreters, and takes QEMU a minute"
_REFUSED = "lwIP calls a refused connection reset"
_EMPTY = "makes a write fail by an empty folder, which LittleFS removes as it does a file"
_NOT_HERE = {
    "test_alibaba_coap_floods": _COMPUTES,
    "test_client_certificate": {"test_tls_1_3_refuses_after_the_handshake": "there is no TLS 1.3"},
    "test_clock": {
        "test_another_address_is_asked_where_the_first_does_not_answer": "there is no IPv6"
    },
    "test_coap_client": {
        "test_a_repeated_separate_response_is_acknowledged_again_and_given_once": _ONE,
        "test_of_an_answer_larger_than_the_buffer_code_and_options_count": _DTLS,
        "test_strangers_and_noise_are_counted_and_change_nothing": _ONE,
    },
    "test_config_secrets": _COMPUTES,
    "test_contract_channel": {
        "test_whatever_the_peer_does_while_it_opens_it_opens_or_fails_in_time": _COMPUTES,
    },
    "test_contract_session": {
        "test_a_poll_ends_by_its_time_in_silence_and_in_any_flood": _COMPUTES,
        "test_whatever_the_peer_does_it_opens_or_is_lost_in_time": _COMPUTES,
    },
    "test_datagram": {
        "test_a_datagram_that_is_too_large_is_cut_one_byte_behind_the_largest": _ONE,
        "test_a_name_is_looked_up_and_its_address_told": "there is no localhost",
        "test_an_empty_datagram_is_ignored_and_counted": _ONE,
        "test_boundaries_are_kept": _ONE,
        "test_duplicates_come_as_they_are": _ONE,
        "test_no_way_to_the_network_is_lost": "lwIP lets anybody broadcast",
        "test_the_peer_is_heard_among_strangers": _ONE,
    },
    "test_dialects_properties": _COMPUTES,
    "test_dtls": _DTLS,
    "test_dtls_losses": _DTLS,
    "test_expiry": {"test_a_flash_that_takes_nothing_does_not_silence_the_warning": _EMPTY},
    "test_http_bodies": {
        "test_a_server_that_takes_nothing_ends_with_the_time_of_the_request": (
            "QEMU's network takes what the server does not"
        ),
    },
    "test_http_troubles": {"test_a_refused_connection_says_so": _REFUSED},
    "test_modem_above": {"test_dtls_shakes_hands_and_echoes": _DTLS},
    "test_renewal_refused": {
        "test_a_full_flash_leaves_the_old_one_and_the_connection": _EMPTY,
    },
    "test_stream": {"test_a_refused_port_says_so": _REFUSED},
    "test_suites": {
        "test_the_suites_for_mqtt_are_agreed_on_where_the_interpreter_s_tls_has_them": (
            "there is no DHE"
        ),
    },
}
"""Files, or single tests, that do not run on the image, and why."""


def why_not(stem, test):
    """Why a test of a file does not run on the image; None where it does."""
    found = _NOT_HERE.get(stem)
    return found.get(test) if isinstance(found, dict) else found
