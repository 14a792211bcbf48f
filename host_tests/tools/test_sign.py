"""Does `signet sign` show what the documents print, and never the secret?"""

import base64
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools import sign
from tools.paths import ROOT
from tools.ui import UserError

VECTORS = json.loads((ROOT / "host_tests" / "vectors" / "content.json").read_text())["cases"]
SEED = next(case for case in VECTORS if case["name"] == "enos seed")
MQTT = next(case for case in VECTORS if case["name"] == "alibaba mqtt")
ENOS = ["enos", "--product-key", "123", "--device-key", "test", "--client-id", "123"]
ALIBABA = ["alibaba", "--product-key", "pk", "--device-name", "device", "--client-id", "12345"]


def run(*arguments, secret=None):
    """Runs `signet sign` in this process; returns its lines by their first word or words."""
    environment = {"SIGNET_SECRET": secret} if secret is not None else {}
    done = CliRunner().invoke(sign.app, arguments, env=environment)
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    if secret != MQTT["secret"]:  # that document's secret is the word itself
        assert secret is None or secret not in done.output
    return {line[:10].strip(): line[11:] for line in done.stdout.splitlines()}


@pytest.fixture(autouse=True)
def no_secret_around(monkeypatch):
    monkeypatch.delenv("SIGNET_SECRET", raising=False)


@pytest.mark.parametrize(("method", "key"), [("hmacsha1", "sha1"), ("sha256", "sha256")])
def test_enos_as_in_its_document(method, key):
    shown = run(*ENOS, "--timestamp", "1524448722000", "--method", method, secret=SEED["secret"])
    assert shown["content"] == SEED["content"]
    assert shown["signature"] == SEED[key]
    assert key in shown["algorithm"]
    assert shown["client id"] == f"123|securemode=2,signmethod={method},timestamp=1524448722000|"
    assert shown["user name"] == "test&123"


def test_enos_takes_the_present_time_and_the_device_key_by_default():
    shown = run("enos", "--product-key", "p", "--device-key", "d", secret="s3cret")
    stamp = shown["content"].removeprefix("clientIdddeviceKeydproductKeyptimestamp")
    assert 1_700_000_000_000 < int(stamp) < 10_000_000_000_000
    assert f"timestamp={stamp}|" in shown["client id"]


# Equal in SymmetricKeySigningMechanism of azure-iot-device 2.14.0.
AZURE_KEY = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("arguments", "resource", "tail", "user"),
    [
        (
            ("--hub", "hub1.azure-devices.net", "--device-id", "meter-7"),
            "hub1.azure-devices.net%2Fdevices%2Fmeter-7",
            "&sig=ot8qKuaFMcW%2F4kUaQ8%2FG1rwpqMXFdvHkFf2uTCn1i6M%3D&se=1764374400",
            "hub1.azure-devices.net/meter-7/?api-version=2021-04-12",
        ),
        (
            ("--id-scope", "0ne000A", "--registration-id", "meter-7"),
            "0ne000A%2Fregistrations%2Fmeter-7",
            "&sig=HPuwPEFIGlQNHOmhVVhInLoVojYI2P7WGuqHQg%2BgTRA%3D&se=1764374400&skn=registration",
            "0ne000A/registrations/meter-7/api-version=2019-03-31",
        ),
    ],
    ids=["hub", "dps"],
)
def test_azure_as_its_own_sdk(arguments, resource, tail, user):
    shown = run("azure", *arguments, "--expires", "1764374400", secret=AZURE_KEY)
    assert shown["content"] == f"{resource}\\n1764374400"
    assert shown["password"] == f"SharedAccessSignature sr={resource}{tail}"
    assert (shown["client id"], shown["user name"]) == ("meter-7", user)


def test_the_key_of_a_groups_device_goes_into_its_device_json_and_is_not_shown(tmp_path):
    file = tmp_path / "device.json"
    file.write_text('{"id_scope": "0ne000A", "registration_id": "meter-7"}')
    shown = run("azure", "--derive", str(file), secret=AZURE_KEY)
    key = "J9/krSeuxRmvyz8GYqmoEOPFf480Su8iLOBVxHh671w="  # by openssl, too
    assert json.loads(file.read_text())["device_key"] == key and key not in str(shown)


@pytest.mark.parametrize("key", ["meter-7", AZURE_KEY[:-1], "schlüssel"])
def test_a_key_of_azure_that_is_not_base64_is_named(key):
    with pytest.raises(UserError, match="the key is not base64"):
        run("azure", "--hub", "hub1.azure-devices.net", "--device-id", "meter-7", secret=key)


# "Establish connections over HTTP": the sample body of an authentication request.
SAMPLE = (
    '{"version":"default","clientId":"mylight1000002","signmethod":"hmacsha1",'
    '"sign":"4870141D4067227128CBB4377906C3731CAC221C","productKey":"ZG1EvTEa7NN",'
    '"deviceName":"NlwaSPXsCpTQuh8FxBGH","timestamp":"1501668289957"}'
)


def test_the_worked_example_of_https_with_the_body_in_the_samples_form():
    arguments = ["--timestamp", "789", "--method", "hmacsha1", "--http"]
    shown = run(*ALIBABA, *arguments, secret=MQTT["secret"])
    assert shown["content"] == "clientId12345deviceNamedeviceproductKeypktimestamp789"
    assert shown["signature"] == MQTT["hmacsha1"]
    body, sample = json.loads(shown["body"]), json.loads(SAMPLE)
    assert list(body) == list(sample) and "client id" not in shown
    assert len(shown["body"]) == len(SAMPLE) - sum(map(len, sample.values())) + sum(
        map(len, body.values())
    )
    assert body["sign"] == MQTT["hmacsha1"] and body["clientId"] == "12345"


def test_https_without_timestamp_signs_none():
    assert "timestamp" not in run(*ALIBABA, "--http", secret=MQTT["secret"])["body"]


def test_https_is_signed_by_the_documents_default():
    # "Establish connections over HTTP": signmethod: hmacmd5 and hmacsha1, hmacmd5 by default
    shown = run(*ALIBABA, "--timestamp", "789", "--http", secret=MQTT["secret"])
    expected = hmac.new(MQTT["secret"].encode(), MQTT["content"].encode(), "md5")
    assert shown["signature"].lower() == expected.hexdigest()
    assert json.loads(shown["body"])["signmethod"] == "hmacmd5"


def test_https_in_clear_text_is_refused_before_the_secret_is_asked_for():
    with pytest.raises(UserError, match="--plain is about MQTT"):
        run(*ALIBABA, "--http", "--plain")


def test_alibaba_as_in_its_document():
    shown = run(
        *ALIBABA, "--timestamp", "789", "--method", "hmacsha1", "--plain", secret=MQTT["secret"]
    )
    assert shown["content"] == MQTT["content"]
    assert shown["signature"] == MQTT["hmacsha1"]
    assert shown["client id"] == "12345|securemode=3,signmethod=hmacsha1,timestamp=789|"
    assert shown["user name"] == "device&pk"


def test_alibaba_without_timestamp_signs_none():
    shown = run("alibaba", "--product-key", "pk1", "--device-name", "dev1", secret="s3cret")
    assert shown["content"] == "clientIdpk1.dev1deviceNamedev1productKeypk1"
    assert shown["client id"] == "pk1.dev1|securemode=2,signmethod=hmacsha256|"


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_any_fields(case):
    pairs = [f"{name}={value}" for name, value in case["fields"].items()]
    assert run("content", *pairs) == {"content": case["content"]}
    for key, algorithm in {
        "sha1": "sha1",
        "sha256": "sha256",
        "hmacmd5": "hmac-md5",
        "hmacsha1": "hmac-sha1",
        "hmacsha256": "hmac-sha256",
    }.items():
        if key in case:
            shown = run("content", *pairs, "--algorithm", algorithm, secret=case["secret"])
            assert shown["signature"] == case[key]


def test_the_secret_may_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(SEED["secret"] + "\n")
    shown = run(*ENOS, "--timestamp", "1524448722000", "--secret-file", str(file))
    assert shown["signature"] == SEED["sha256"]


def test_the_secret_may_be_typed_and_is_not_shown(monkeypatch):
    monkeypatch.setattr(sign, "_on_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: SEED["secret"])
    assert run(*ENOS, "--timestamp", "1524448722000")["signature"] == SEED["sha256"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*ENOS, "--timestamp", "yesterday"], "not Unix milliseconds"),
        ([*ENOS, "--method", "md4"], "sha256, hmacsha256, sha1, hmacsha1"),
        ([*ALIBABA, "--method", "sha256"], "hmacmd5, hmacsha1, hmacsha256"),
        (["content", "clientId"], "is not NAME=VALUE"),
        (["content", "=1"], "is not NAME=VALUE"),
        (["content", "a=1", "a=2"], "given twice"),
        (["content", "a=1", "--algorithm", "crc"], "use one of: hmac-md5"),
    ],
)
def test_bad_input_is_one_clear_error_before_the_secret_is_asked_for(arguments, says):
    with pytest.raises(UserError, match=says):
        run(*arguments)


def test_a_missing_or_bad_secret_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="set SIGNET_SECRET, or name a file with --secret-file"):
        run(*ENOS)
    with pytest.raises(UserError, match="No such file"):
        run(*ENOS, "--secret-file", str(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        run(*ENOS, "--secret-file", str(tmp_path / "binary"))
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UserError, match="secret is empty"):
        run(*ENOS, "--secret-file", str(tmp_path / "empty"))


def signet(*arguments, **environment):
    program = Path(sys.executable).parent / "signet"
    return subprocess.run(
        [program, "sign", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def test_the_command_prints_values_in_one_line_each_and_errors_without_traceback():
    done = signet(
        *ENOS, "--timestamp", "1524448722000", SIGNET_SECRET=SEED["secret"], COLUMNS="40"
    )
    assert done.returncode == 0
    assert SEED["content"] in done.stdout.splitlines()[0]
    done = signet(*ENOS)
    assert done.returncode == 2
    assert done.stderr.startswith("signet: no secret")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
