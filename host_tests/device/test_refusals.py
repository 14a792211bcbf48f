"""What does a board say, and what the cloud, when one refuses the other? One test per cell.

The board says in one line what to check, the twin's log names the cause, nothing is stored. A
missing server name (SNI) cannot be had with signet, which always sends it: that cell, and other
clients', are in host_tests/twin/tls/test_refused.py.
"""

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.device.conftest import Device
from host_tests.device.member import Member
from host_tests.twin.certified import DOMAIN, ORG, Org, serial_of, with_another_key
from tools.pki.authority import Authority

_NOW = datetime.datetime.now(datetime.UTC)
_DAY = datetime.timedelta(days=1)
_EXPIRED = {"not_before": _NOW - 2 * _DAY, "not_after": _NOW - _DAY}
_NOT_YET = {"not_before": _NOW + _DAY}

_MISSING = "refuses: the server may ask for a client certificate: `cert`; next"
_CERT = (
    "`cert` in date, its CA registered there, `key` its own, and does the policy take it?; next"
)
_SILENT = "closed the connection instead of answering CONNECT: closed by the peer; certificate"
_NAMES = "CONNACK 5: not authorized; check "
_NOT_SHARED = "refuses: no TLS version or cipher suite that this board has as well"
_KEY = b"-----END CERTIFICATE-----\n"


class Board:
    """A board that is to be refused. names: who it is, in device.json."""

    def __init__(self, device: Device, org: Org, cloud: str, names: dict[str, Any]) -> None:
        self.device = device
        self.org = org
        self._cloud = cloud
        self._names = names
        self._after = org.twin.last_id()
        self._logged = len(org.twin.output())

    def start(self, file: Path | bytes | None, **changes: Any) -> None:
        """With this certificate and key, or without. changes: of device.json."""
        data = file.read_bytes() if isinstance(file, Path) else file
        more = {} if data is None else {"/device.pem": data}
        cert = None if data is None else "device.pem"
        self.device.run(self._names | {"cert": cert} | changes, more=more)

    def says(self, *texts: str, long: bool = True) -> None:
        """In one line, and that it will not hammer; a connection just closed comes back sooner."""
        line = self.device.wait_for("^not connected: .*; next try in .*$")
        assert all(text in line for text in texts), line
        wait = re.search(r"; next try in (\d+) s$", line)
        assert wait and (int(wait[1]) >= 16) == long, line
        assert self.device.output().count("not connected: ") == 1

    def cloud_says(self, text: str) -> None:
        """Why; and it has stored nothing."""
        self.org.twin.wait_for_output(text, since=self._logged)
        came = self.org.twin.messages(self._cloud, self._after)
        assert [message for message in came if message["direction"] == "up"] == []

    def gets_in(self) -> None:
        """Its report arrives at the next try, for which nobody waits here."""
        self.device.reset()
        self.device.wait_for("^report 1 stored")
        self.org.twin.wait_for_messages(self._cloud, 1, self._after, direction="up")


class Refused(Board):
    """A board of Watson, where the policy of its type is "certificate"."""

    def __init__(self, device: Device, member: Member) -> None:
        self.member = member
        names = member.config("token") | {"token": None}
        super().__init__(device, member.org, "watson", names)

    def certificate(self, name: str = "", authority: Authority | None = None, **how: Any) -> Path:
        """name: whose; its own by default. how: see `Authority.client`."""
        return self.org.certificate(name or self.member.name, authority, **how)


@pytest.fixture
def board(device: Device, member: Callable[..., Member]) -> Refused:
    return Refused(device, member("certificate"))


@pytest.fixture
def gateway(device: Device, member: Callable[..., Member]) -> Refused:
    return Refused(device, member("certificate", "gateway"))


class Meter(Board):
    """A board of EnOS, by its port for two-way TLS."""

    def certificate(
        self,
        owner: tuple[str, str] | None = None,
        authority: Authority | None = None,
        **how: Any,
    ) -> Path:
        """Issued to `owner`: product key and device key, its own by default."""
        file = self.org.certificate("a meter", authority or self.org.enos, **how)
        names = self.org.twin.device("enos")
        with self.org.certificates() as tables:
            whose = owner or (names["product_key"], names["device_key"])
            tables.issued(serial_of(file), *whose, 0)
        return file


@pytest.fixture
def meter(device: Device, org: Org, config: Callable[..., dict[str, Any]]) -> Meter:
    return Meter(device, org, "enos", config("enos", "mqtts"))


# Watson refuses a board


def test_no_certificate(board):
    board.start(None, token=board.member.entry.secret)
    board.says(_SILENT, "certificate policy? check `cert`", long=False)
    board.cloud_says("no certificate; the policy of type")
    with board.org.certificates() as tables:
        tables.set_policy(ORG, "token", board.member.type_id)
    board.gets_in()


def test_wrong_ca(board):
    board.start(board.certificate(authority=board.org.stranger))
    board.says(_CERT)
    board.cloud_says(f"{board.member.name} is not signed by an active CA of org {ORG}: signet pki")


def test_expired(board):
    board.start(board.certificate(**_EXPIRED))
    board.says(_CERT)
    board.cloud_says(f"certificate {board.member.name} expired on {_NOW - _DAY:%Y-%m-%d}")
    assert "warning: device.pem expired on" in board.device.output()


def test_not_yet_valid(board):
    board.start(board.certificate(**_NOT_YET))
    board.says(_CERT)
    name, start = board.member.name, _NOW + _DAY
    board.cloud_says(f"certificate {name} is not valid before {start:%Y-%m-%d}")


def test_wrong_type_in_the_common_name(board):
    wrong = f"d:other:{board.member.device_id}"
    board.start(board.certificate(wrong))
    # It makes the client id: another client, which is not registered.
    board.says(_NAMES, "type_id", "and whom `cert` names")
    board.cloud_says(f"org '{ORG}' has no device '{board.member.device_id}' of type 'other'")


def test_wrong_type_in_the_common_name_of_a_whole_type(board):
    board.start(board.certificate("d:other:"))
    board.says(_SILENT, "check `cert`", long=False)
    board.cloud_says(f"the certificate is d:other:, not {board.member.name}")


def test_wrong_id_in_the_common_name(board):
    board.start(board.certificate(f"d:{board.member.type_id}:two"))
    board.says(_NAMES, "device_id and host, and whom `cert` names")
    board.cloud_says(f"org '{ORG}' has no device 'two' of type '{board.member.type_id}'")


def test_org_in_the_common_name(board):
    wrong = f"d:{ORG}:{board.member.type_id}:{board.member.device_id}"
    board.start(board.certificate(wrong))
    board.says(_SILENT, "check `cert`", long=False)
    board.cloud_says(f"certificate is {wrong}, not {board.member.name} (no org belongs in it)")


def test_server_name_of_another_org_with_a_certificate(board):
    with board.org.certificates() as tables:
        tables.add_ca("other1", board.org.stranger.certificate_file.read_bytes(), "its own")
    board.start(board.certificate(), host=f"other1.{DOMAIN}")
    board.says(f"other1.{DOMAIN}", _CERT)
    board.cloud_says(f"{board.member.name} is not signed by an active CA of org other1")


def test_server_name_of_another_org_with_a_token(board):
    board.start(None, host=f"other1.{DOMAIN}", token=board.member.entry.secret)
    board.says(_NAMES, "org_id")
    board.cloud_says(f"server name (SNI) is of org 'other1', client id of org '{ORG}'")


def test_policy_revoked_between_two_logins(board):
    board.start(board.certificate())
    board.device.wait_for("^report 1 stored")
    with board.org.certificates() as tables:
        tables.set_policy(ORG, "certificate-and-token", board.member.type_id)
    board.device.reset()
    board.says(_NAMES, "check token")
    label = board.member.label
    board.org.twin.wait_for_output(f"{label} refused: CONNACK 5: user name is not `use-token")


def test_ca_deactivated_between_two_logins(board):
    authority = Authority(board.org.folder / board.member.type_id, "CA to be deactivated")
    with board.org.certificates() as tables:
        number = tables.add_ca(ORG, authority.certificate_file.read_bytes(), "second")
        tables.activate_ca(number, False)
        board.start(board.certificate(authority=authority))
        board.says(_CERT)
        board.cloud_says(f"{board.member.name} is not signed by an active CA of org {ORG}")
        tables.activate_ca(number, True)
        board.gets_in()
        tables.activate_ca(number, False)
    board.device.reset()
    board.says(_CERT)


def test_wrong_key_is_seen_when_the_board_starts(board):
    certificate, end, _ = board.certificate().read_bytes().partition(_KEY)
    key = board.certificate().read_bytes().partition(_KEY)[2]
    board.start(certificate + end + key)
    rule = "is not the one of the certificate in `cert`"
    board.device.wait_for(f"^device.json: key: {rule}; for example board-1.key$")
    assert "connect" not in board.device.output()


def test_wrong_key_that_claims_to_be_the_right_one(board):
    good = board.certificate()
    board.start(with_another_key(good, good.with_suffix(".forged")))
    board.says(_CERT)
    board.cloud_says("BAD_SIGNATURE: the device's key is not that of its certificate")


# Watson refuses a gateway


def test_no_certificate_of_a_gateway(gateway):
    gateway.start(None, token=gateway.member.entry.secret)
    gateway.says(_SILENT, "certificate policy? check `cert`", long=False)
    gateway.cloud_says("no certificate; the policy of type")


def test_certificate_of_a_device_at_a_gateway(gateway):
    gateway.start(gateway.certificate(gateway.member.name.replace("g:", "d:")))
    gateway.says(_NAMES, "check role, ", "and whom `cert` names")
    gateway.cloud_says(f"org '{ORG}' has no device '{gateway.member.device_id}' of type")


def test_certificate_of_a_gateway_at_a_device(board):
    board.start(board.certificate(board.member.name.replace("d:", "g:")))
    board.says(_NAMES, "and whom `cert` names")
    board.cloud_says(f"org '{ORG}' has no gateway '{board.member.device_id}' of type")


def test_wrong_id_in_the_common_name_of_a_gateway(gateway):
    gateway.start(gateway.certificate(f"g:{gateway.member.type_id}:two"))
    gateway.says(_NAMES, "check role, ", "and whom `cert` names")
    gateway.cloud_says(f"org '{ORG}' has no gateway 'two' of type '{gateway.member.type_id}'")


# EnOS refuses a board


def test_enos_no_certificate(meter):
    meter.start(None)
    meter.says(_MISSING)
    meter.cloud_says("no certificate: this port is only for devices that show one")
    assert "warning: EnOS asks for a client certificate" in meter.device.output()


def test_enos_wrong_ca(meter):
    meter.start(meter.certificate(authority=meter.org.stranger))
    meter.says(_CERT)
    meter.cloud_says("certificate a meter is not signed by the twin's EnOS CA")


def test_enos_expired(meter):
    meter.start(meter.certificate(**_EXPIRED))
    meter.says(_CERT)
    meter.cloud_says(f"certificate a meter expired on {_NOW - _DAY:%Y-%m-%d}")


def test_enos_not_yet_valid(meter):
    meter.start(meter.certificate(**_NOT_YET))
    meter.says(_CERT)
    meter.cloud_says(f"certificate a meter is not valid before {_NOW + _DAY:%Y-%m-%d}")


def test_enos_issued_for_another_product(meter):
    meter.start(meter.certificate(("other", "board-1")))
    meter.says(_NAMES, "product_key", "and whom `cert` names")
    meter.cloud_says("was issued to device other/board-1, not to signetEnOS/board-1")


def test_enos_issued_for_another_device(meter):
    file = meter.certificate(("signetEnOS", "other"))
    meter.start(file)
    meter.says(_NAMES, "device_key", "and whom `cert` names")
    meter.cloud_says("was issued to device signetEnOS/other, not to signetEnOS/board-1")
    with meter.org.certificates() as tables:
        tables.issued(serial_of(file), "signetEnOS", "board-1", 0)
    meter.gets_in()


def test_enos_wrong_signature_beside_a_good_certificate(meter):
    meter.start(meter.certificate(), device_secret="not-its-secret")
    meter.says("CONNACK 4: ", "check device_secret and sign_method; next")
    meter.cloud_says("refused: CONNACK 4: signature differs")


def test_enos_wrong_key_that_claims_to_be_the_right_one(meter):
    good = meter.certificate()
    meter.start(with_another_key(good, good.with_suffix(".forged")))
    meter.says(_CERT)
    meter.cloud_says("BAD_SIGNATURE: the device's key is not that of its certificate")


# The board refuses a server


@pytest.fixture(params=["watson", "enos"])
def server(request: pytest.FixtureRequest, org: Org) -> Iterator[Callable[..., Board]]:
    """A board whose cloud offers something else: fault `tls`."""
    cloud = request.param

    def begin(**offer: str) -> Board:
        found = request.getfixturevalue("board" if cloud == "watson" else "meter")
        org.twin.fault("tls", cloud=cloud, **offer)
        found.start(found.certificate())
        return found

    yield begin
    org.twin.fault("tls", cloud=cloud)


def test_server_with_a_wrong_name(server):
    board = server(certificate="wrong_name")
    board.says("the certificate is for another name; check `host`; next")
    board.cloud_says(
        "the device refuses the certificate: does its server name fit, is its clock set?"
    )


def test_server_of_an_unknown_ca(server):
    board = server(certificate="unknown_ca")
    board.says("the certificate is not signed by the CA in `ca`; check `ca`, and that each CA")
    board.cloud_says("the device does not trust the twin's CA: give it the twin's ca.pem")


def test_server_with_an_expired_certificate(server):
    board = server(certificate="expired")
    board.says("the certificate has expired, or the board's clock is wrong; next")
    board.cloud_says("the device believes the certificate expired: is its clock set?")


def test_server_with_a_certificate_that_is_not_valid_yet(server):
    board = server(certificate="not_yet_valid")
    board.says("the certificate is not valid yet, or the board's clock is wrong; next")
    board.cloud_says("ALERT_CERTIFICATE_UNKNOWN: the device refuses the certificate")


def test_server_of_tls_1_1_only(server):
    board = server(version="1.1")
    board.says(_NOT_SHARED)
    board.cloud_says("TLS: UNSUPPORTED_PROTOCOL")


@pytest.mark.parametrize("suite", ["NULL-SHA256", "ADH-AES128-GCM-SHA256"])
def test_server_of_a_weak_suite_only(server, suite):
    board = server(suites=f"{suite}:@SECLEVEL=0")
    board.says(_NOT_SHARED)
    board.cloud_says("TLS: NO_SHARED_CIPHER: no cipher suite in common")


def test_after_a_refused_server_the_right_one_gets_the_report(server, org):
    board = server(certificate="expired")
    board.says("the certificate has expired")
    for cloud in ("watson", "enos"):
        org.twin.fault("tls", cloud=cloud)
    board.gets_in()
