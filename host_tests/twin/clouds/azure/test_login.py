"""Whom do the twin's IoT hub and its DPS let in, and what do they say to each mistake?

In process, without sockets, as test_login.py has it for the other clouds. Tokens are made here by
the document's rule; the vectors are those that Microsoft's SDKs give for the same input, or print.
"""

import base64
import hashlib
import hmac
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from host_tests.tools.pki_files import Issued
from tools.pki.authority import Authority
from tools.twin.clouds.azure import token as azure_token
from tools.twin.clouds.azure import topics
from tools.twin.clouds.azure.mqtt import Azure
from tools.twin.clouds.azure.registry import CA_SIGNED, TwinError
from tools.twin.clouds.values import Client, RefusedError, Way
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Connect, Will

_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
_HUB, _ID, _SCOPE = "hub1.azure-devices.net", "meter-7", "0ne000A"
_DERIVED = "J9/krSeuxRmvyz8GYqmoEOPFf480Su8iLOBVxHh671w="
_SE = int(time.time()) + 3600
_NEW = "hub1.device.azure-devices.net"  # the Python SDK's "connect_with_tls13"
_USER = f"{_HUB}/{_ID}/?api-version=2021-04-12"


def _token(
    resource: str = f"{_HUB}/devices/{_ID}",
    key: bytes = base64.b64decode(_KEY),
    se: int = _SE,
    signed: str = "",
    order: str = "sr sig se",
    **more: str,
) -> bytes:
    sr = urllib.parse.quote(resource, safe="")
    digest = hmac.digest(key, f"{signed or sr}\n{se}".encode(), hashlib.sha256)
    sig = urllib.parse.quote(base64.b64encode(digest), safe="")
    fields = {"sr": sr, "sig": sig, "se": str(se), **more}
    names = [*order.split(), *more]
    return ("SharedAccessSignature " + "&".join(f"{n}={fields[n]}" for n in names)).encode()


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    store = Store(tmp_path / "twin.db")
    cloud = Azure(store)
    store.add("azure", "device", "hub1", _ID, secret=_KEY)
    store.enable(store.add("azure", "device", "hub1", "off", secret=_KEY), False)
    cloud.registry.enroll(_SCOPE, _ID, "hub1", key=_KEY)
    cloud.registry.enroll("0ne000G", "plant", "hub1", grouped=True, key=_KEY)
    yield cloud
    store.close()


def _login(azure: Azure, way: Way | None = None, **fields: Any) -> Client:
    given: dict[str, Any] = {
        "level": 4,
        "client_id": _ID,
        "clean_session": True,
        "keepalive_s": 240,
        "will": None,
        "user": _USER,
        "password": _token(),
    }
    return azure.login(Connect(**(given | fields)), way or Way(True, 8883))


def _refusal(azure: Azure, way: Way | None = None, **fields: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        _login(azure, way, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("resource", "se", "sig"),
    [
        (f"{_HUB}/devices/{_ID}", 1764374400, "ot8qKuaFMcW/4kUaQ8/G1rwpqMXFdvHkFf2uTCn1i6M="),
        (
            f"{_SCOPE}/registrations/{_ID}",
            1764374400,
            "HPuwPEFIGlQNHOmhVVhInLoVojYI2P7WGuqHQg+gTRA=",
        ),
    ],
)
def test_a_signature_is_that_of_microsofts_sdk(resource: str, se: int, sig: str) -> None:
    text = f"{urllib.parse.quote(resource, safe='')}\n{se}"
    assert azure_token.signature(_KEY, text) == sig


def test_the_key_of_a_groups_device_is_that_of_the_documents_rule() -> None:
    assert azure_token.derived(_KEY, _ID) == _DERIVED


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"user": f"{_HUB}/{_ID}/api-version=2016-11-14"},  # of old samples
        {"user": f"{_HUB}/{_ID}/?api-version=2019-10-01&DeviceClientType=py-iothub%2F2.14%28x%29"},
        {
            "user": f"{_NEW}/{_ID}/?api-version=2019-10-01",
            "password": _token(f"{_NEW}/devices/{_ID}"),
        },
        {"password": _token(order="se sig sr")},
        {"password": _token(skn="")},  # the C SDK's
        {"password": _token(signed=f"{_HUB}/devices/{_ID}")},  # as an SDK did
        {"will": Will(f"devices/{_ID}/messages/events/", b"", 1, False)},
    ],
)
def test_a_hub_lets_in_what_the_documents_and_sdks_send(
    azure: Azure, changes: dict[str, Any]
) -> None:
    client = _login(azure, **changes)
    assert client.device.label == "hub1/meter-7"
    assert client.good_for_s == pytest.approx(_SE - time.time(), abs=60)


@pytest.mark.parametrize(
    ("given", "kept"), [(0, 1178), (60, 60), (1177, 1177), (1178, 1178), (65535, 1178)]
)
def test_a_keepalive_is_cut_to_what_makes_1767_s(azure: Azure, given: int, kept: int) -> None:
    assert _login(azure, keepalive_s=given).keepalive_s == kept


_BAD_SIG = _token().replace(b"sig=", b"sig=AA")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": "meter-8"}, "client id is 'meter-8'"),
        ({"user": None}, "user name is not"),
        ({"user": f"{_HUB}/{_ID}"}, "user name is not"),
        ({"user": f"{_HUB}/{_ID}/?api-version=now"}, "user name is not"),
        ({"user": f"{_HUB}/{_ID}/sensor/?api-version=2021-04-12"}, "modules"),
        ({"user": f"hub2.azure-devices.net/{_ID}/?api-version=2021-04-12"}, "'hub2/meter-7'"),
        ({"user": f"hub1.example.com/{_ID}/?api-version=2021-04-12"}, "azure-devices.net"),
        (
            {"user": f"{_HUB}/Meter-7/?api-version=2021-04-12", "client_id": "Meter-7"},
            "case counts",
        ),
        ({"user": f"{_HUB}/off/?api-version=2021-04-12", "client_id": "off"}, "disabled"),
        ({"password": None}, "no password"),
        ({"password": b""}, "no password"),
        ({"password": _KEY.encode()}, "does not begin with"),
        ({"password": b"SharedAccessSignature sr=a&sig=b"}, "lacks se"),
        ({"password": _token(order="sr se")}, "lacks sig"),
        ({"password": b"SharedAccessSignature sr=a&sig=b&se=" + b"9" * 5000}, "se is not"),
        ({"password": _token(extra="1")}, "a field that is none of"),
        ({"password": _token(f"{_HUB}/devices/meter-8")}, "sr is of"),
        ({"password": _token("hub2.azure-devices.net/devices/meter-7")}, "sr is of"),
        ({"password": _token(_HUB)}, "sr is of"),
        ({"password": _token(f"{_HUB}/devices/Meter-7")}, "case differ"),
        ({"password": _token(se=_SE - 7200)}, "in the past"),
        ({"password": _token(se=0)}, "in the past"),
        ({"password": _BAD_SIG}, "sig differs"),
        ({"password": _token(key=b"another")}, "sig differs"),
        ({"password": _token(key=_KEY.encode())}, "decode its base64"),
        ({"password": _token(skn="device")}, "skn"),
        ({"will": Will("$iothub/twin/GET/?$rid=1", b"", 0, False)}, "a will goes to"),
    ],
)
def test_a_hub_refuses_with_5_and_says_why(
    azure: Azure, changes: dict[str, Any], words: str
) -> None:
    refusal = _refusal(azure, **changes)
    assert refusal.code == 5
    assert words in str(refusal)
    assert _KEY not in str(refusal)


def test_a_hub_says_that_a_plus_is_not_encoded(azure: Azure) -> None:
    token = next(t for se in range(_SE, _SE + 999) if b"%2B" in (t := _token(se=se)))
    refusal = _refusal(azure, password=token.replace(b"%2B", b" "))
    assert "percent-encoded" in str(refusal)


def test_a_hub_refuses_the_server_name_of_another_and_mqtt_3_1(azure: Azure) -> None:
    other = Way(True, 8883, "hub2.azure-devices.net")
    assert "SNI" in str(_refusal(azure, other))
    assert _refusal(azure, level=3).code == 1


# DPS.

_DPS_USER = f"{_SCOPE}/registrations/{_ID}/api-version=2019-03-31"
_GROUP_USER = f"0ne000G/registrations/{_ID}/api-version=2019-03-31"


def _dps_token(scope: str = _SCOPE, key: str = _KEY, **more: str) -> bytes:
    fields: dict[str, Any] = {"skn": "registration"} | more
    return _token(f"{scope}/registrations/{_ID}", base64.b64decode(key), **fields)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (_DPS_USER, _dps_token()),
        (_DPS_USER, _dps_token(skn="")),  # as Microsoft's Python SDK
        (_DPS_USER.replace("/api", "/?api") + "&ClientVersion=py%2F1", _dps_token()),
        (_GROUP_USER, _dps_token("0ne000G", _DERIVED)),
    ],
)
def test_dps_lets_in_who_is_enrolled(azure: Azure, user: str, password: bytes) -> None:
    client = _login(azure, user=user, password=password)
    assert (client.kind, client.device.name, client.clean) == ("registration", _ID, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"user": f"{_SCOPE}/registrations/{_ID}"}, "user name is not"),
        ({"client_id": "other"}, "client id"),
        ({"user": _DPS_USER.replace(_SCOPE, "0ne000B")}, "no ID scope"),
        (
            {"user": _DPS_USER.replace(_ID, "stranger"), "client_id": "stranger"},
            "no enrollment 'stranger'",
        ),
        ({"password": None}, "no password"),
        ({"password": _dps_token(skn="other")}, "it is registration"),
        ({"password": _dps_token(key=_DERIVED)}, "sig differs"),
        ({"user": _GROUP_USER, "password": _dps_token("0ne000G")}, "sig differs"),  # the group's
        ({"password": _token()}, "sr is of"),
    ],
)
def test_dps_refuses_with_5_and_says_why(
    azure: Azure, changes: dict[str, Any], words: str
) -> None:
    given = {"user": _DPS_USER, "password": _dps_token()} | changes
    refusal = _refusal(azure, **given)
    assert refusal.code == 5
    assert words in str(refusal)


# Certificates.


def _shown(authority: Authority, name: str, folder: Path) -> x509.Certificate:
    target = authority.client(name, target=folder / "device.pem")
    return x509.load_pem_x509_certificate(target.read_bytes())


def test_a_thumbprint_lets_in_its_certificate_and_no_other(azure: Azure, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "a CA")
    own, other = (_shown(authority, _ID, tmp_path) for _ in range(2))
    for kind in (hashes.SHA1(), hashes.SHA256()):
        azure.registry.trust("hub1", _ID, own.fingerprint(kind).hex(":").upper())
        assert _login(azure, Way(True, 1, certificate=own), password=None).good_for_s is None
    for way, password, words in (
        (Way(True, 1, certificate=other), None, "thumbprint is not"),
        (Way(True, 1), None, "no certificate"),
        (Way(True, 1, certificate=own), _token(), "a password"),
    ):
        refusal = _refusal(azure, way, password=password)
        assert refusal.code == 5
        assert words in str(refusal)


def test_a_registered_ca_lets_in_who_carries_the_device_id(azure: Azure, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "a CA")
    pem = authority.certificate_file.read_bytes()
    number = azure.certificates.add_ca("hub1", pem, "")
    azure.registry.trust("hub1", _ID, CA_SIGNED)
    own = Way(True, 1, certificate=_shown(authority, _ID, tmp_path))
    assert _login(azure, own, password=None).device.name == _ID
    other = Way(True, 1, certificate=_shown(authority, "meter-8", tmp_path))
    assert "common name is meter-8" in str(_refusal(azure, other, password=None))
    Certificates(azure.store).activate_ca(number, False)
    assert "no CA that hub1" in str(_refusal(azure, own, password=None))


def test_a_chain_that_the_device_shows_leads_to_the_registered_ca(azure: Azure) -> None:
    root, stranger = Issued("root"), Issued("root")
    between = Issued("plant", by=root)
    leaf, other = Issued("lamp", by=between, ca=False), Issued("plant", by=stranger)
    own = Issued(_ID, by=between, ca=False)
    azure.certificates.add_ca("hub1", root.pem, "")
    azure.registry.trust("hub1", _ID, CA_SIGNED)

    def way(shown: Issued, *above: Issued) -> Way:
        cas = tuple(each.certificate for each in above)
        return Way(True, 1, certificate=shown.certificate, above=cas)

    assert _login(azure, way(own, between), password=None).device.name == _ID
    below_a_leaf = Issued(_ID, by=leaf, ca=False)
    for wrong in (way(own), way(own, other), way(below_a_leaf, leaf, between)):
        assert "no CA that hub1" in str(_refusal(azure, wrong, password=None))


# Topics, and the twin.


@pytest.mark.parametrize(
    ("topic", "good"),
    [
        (f"devices/{_ID}/messages/events/", True),
        (f"devices/{_ID}/messages/events/$.ct=application%2Fjson&$.ce=utf-8", True),
        (f"devices/{_ID}/messages/events/%24.mid=1&empty=&null&a%20b=c%26d", True),
        (f"devices/{_ID}/messages/events", False),
        (f"devices/{_ID}/messages/events/$.ct=application/json", False),
        (f"devices/{_ID}/messages/events/a b=c", False),
        (f"devices/{_ID}/messages/events/a=%zz", False),
        ("devices/Meter-7/messages/events/", False),
        ("devices/meter-8/messages/events/", False),
        (f"devices/{_ID}/messages/devicebound/", False),
        ("$iothub/twin/GET/?$rid=1", True),
        ("$iothub/twin/GET/", False),
        ("$iothub/twin/GET/?$rid=", False),
        ("$iothub/twin/PATCH/properties/reported/?$rid=a-1", True),
        ("$iothub/twin/PATCH/properties/desired/?$rid=1", False),
        ("$iothub/methods/res/200/?$rid=1", True),
        ("$iothub/methods/res/ok/?$rid=1", False),
        ("$iothub/methods/POST/reboot/?$rid=1", False),
        ("other", False),
    ],
)
def test_a_device_publishes_to_the_documented_topics_only(topic: str, good: bool) -> None:
    assert topics.device_publishes(topic, _ID) is good


def test_a_patch_merges_null_removes_and_the_version_rises(azure: Azure) -> None:
    device = azure.store.devices("azure")[0]
    registry = azure.registry
    assert registry.change(device, "reported", {"a": {"b": 1, "c": 2}, "d": 3}) == 2
    assert registry.change(device, "reported", {"a": {"b": None}, "d": None, "e": [1]}) == 3
    assert registry.twin(device) == {
        "desired": {"$version": 1},
        "reported": {"a": {"c": 2}, "e": [1], "$version": 3},
    }


@pytest.mark.parametrize(
    "patch",
    [
        [],
        {"a b": 1},
        {"a.b": 1},
        {"$a": 1},
        {"a": {"": 1}},
        {"a": "x" * 4097},
        {str(n): "x" * 4000 for n in range(9)},
    ],
)
def test_a_twin_takes_only_properties_of_the_documented_form(azure: Azure, patch: Any) -> None:
    with pytest.raises(TwinError):
        azure.registry.change(azure.store.devices("azure")[0], "reported", patch)
