"""Does each mistake of a user give one clear line that says what to mend, and leave a live board?

The fixture `device` also holds every output against the secret and against tracebacks.
"""

from pathlib import Path

import pytest

from tools.pki.authority import Authority

PROMPT = r"^>>> \Z"


def _config_error(device):
    """The one line on the mistake; the board is at its prompt after it."""
    line = device.wait_for(r"^device\.json: .*$")
    device.wait_for(PROMPT)
    assert device.output().count("device.json: ") == 1
    return line


def test_a_wrong_key(device, config):
    values = config("enos")
    values["devicesecret"] = values.pop("device_secret")
    line = _config_error(device.run(values))
    assert line == (
        "device.json: devicesecret: there is no such key for cloud enos by mqtt; "
        "did you mean `device_secret`?"
    )


def test_a_missing_field(device, config):
    line = _config_error(device.run(config("alibaba", device_name=None)))
    assert line == 'device.json: device_name: is missing; for example "meter-7"'


def test_a_bad_character(device, config):
    line = _config_error(device.run(config("watson", type_id="my type")))
    assert "type_id: may hold letters, digits and -_. only, not ' '" in line


_EDITED = """
import signet
text = open("device.json").read()
assert '"checked"' in text
open("device.json", "w").write(text.replace('"port": ', '"port": 7000000'))
try:
    signet.open("device.json")
except signet.ConfigError as error:
    print(error)
"""


def test_a_value_that_was_changed_on_the_board(device, config):
    line = _config_error(device.run(config("enos"), _EDITED))
    assert "port: must be a whole number from 1 to 65535" in line


def test_a_token_in_clear(device, config):
    line = _config_error(device.run(config("watson", insecure=None)))
    assert "insecure: port" in line and "would carry the token in clear" in line


def test_an_unreachable_host(device, config):
    device.run(config("enos", port=9))  # nobody listens on discard
    line = device.wait_for("^not connected: .*$")
    assert "cannot reach 127.0.0.1:9: connection refused" in line and "next try in" in line
    device.wait_for("^not connected: .*\n(?s:.*)^not connected: ")


def test_an_unknown_host(device, config):
    device.run(config("enos", address="n" * 64 + ".invalid"))
    line = device.wait_for("^not connected: .*$")
    assert "cannot find nnn" in line and "check the name and the network" in line


def test_a_wrong_ca(device, config, tmp_path):
    other = Authority(tmp_path)
    device.run(config("watson", "mqtts"), ca=other.certificate_file)
    line = device.wait_for("^not connected: .*$")
    assert "the certificate is not signed by the CA in `ca`" in line


def test_a_ca_file_that_is_none(device, config, tmp_path):
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("this is not a certificate")
    line = _config_error(device.run(config("watson", "mqtts"), ca=nonsense))
    assert "ca: holds no certificate that can be read" in line


def test_a_certificate_in_the_ca_file_that_cannot_be_read(device, config, twin, tmp_path):
    bundle = tmp_path / "bundle.pem"
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle.write_text(broken + Path(twin.ready["ca_file"]).read_text())
    device.run(config("watson", "mqtts"), ca=bundle)
    device.wait_for("^warning: `ca`: certificate 1 is left out: it is no certificate")
    device.wait_for("^report 1 stored")


def test_a_wrong_host_name(device, config):
    device.run(config("alibaba", "mqtts", host="other.example.com"))
    line = device.wait_for("^not connected: .*$")
    assert "other.example.com: the certificate is for another name; check `host`" in line


def test_a_tls_client_on_a_plain_port_and_the_reverse(device, config, twin):
    port = twin.way("alibaba", "mqtt")["port"]
    device.run(config("alibaba", "mqtts", port=port))
    assert "TLS handshake" in device.wait_for("^not connected: .*$")
    port = twin.way("alibaba", "mqtts")["port"]
    device.run(config("alibaba", "mqtt", port=port))
    device.wait_for("^not connected: .*$")


@pytest.mark.parametrize(
    ("cloud", "key", "answer"),
    [
        ("enos", "device_secret", "CONNACK 4: .*; check device_secret and sign_method"),
        ("alibaba", "device_secret", "CONNACK 4: .*; check device_secret and sign_method"),
        ("watson", "token", "CONNACK 5: .*; check token, org_id, type_id, device_id and host"),
    ],
)
def test_a_wrong_secret_or_token(device, config, cloud, key, answer):
    device.run(config(cloud, **{key: "not-the-right-one"}))
    line = device.wait_for(f"^not connected: {answer}; next try in .*$")
    seconds = int(line.rsplit(" ", 2)[1])
    assert seconds >= 16, "a refusal is not hammered: sixteen times retry_s"


@pytest.mark.parametrize(
    ("cloud", "key"), [("enos", "device_key"), ("alibaba", "device_name"), ("watson", "device_id")]
)
def test_an_unknown_device(device, config, cloud, key):
    device.run(config(cloud, **{key: "nobody"}))
    line = device.wait_for("^not connected: .*$")
    assert "CONNACK 5: not authorized; check " in line and key in line


def test_a_device_json_that_is_cut_off(device, config, twin):
    device.run(config("enos"), main="open('device.json', 'w').write('{\"cloud\": \"en')\n")
    device.wait_for(PROMPT)
    device.run(config("enos"))
    device.wait_for("report 1 stored")


def test_values_that_no_json_can_hold(device, config, twin):
    device.run(
        config("enos"),
        main="""
import board, signet

link = signet.open("device.json", board)
link.report({"t": float("nan")})
link.report({"t": 1})
print("flushed", link.flush(10000), len(link.outbox.dead))
""",
    )
    device.wait_for("^flushed True 1")
    assert "a report is set aside: t: nan has no form in JSON" in device.output()
