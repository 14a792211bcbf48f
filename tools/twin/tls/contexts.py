"""Which TLS context does a handshake get: which versions, suites and certificates, whose CAs?

Watson, "Connecting applications, devices, and gateways": TLS 1.2 and a list of suites;
"Configuring certificates": with a registered CA clients show certificates, and the org comes from
the server name (SNI), which also chooses the server's own certificate. EnOS, "Establishing
Connection with EnOS Cloud using the MQTT Protocol": two-way TLS on 18883.
"""

import datetime
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tools.pki.authority import Authority
from tools.secret_files import secret_files
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.cloud import Cloud
from tools.twin.faults import Fault, quickly
from tools.twin.registry.certificates import Certificates, ServerCertificate
from tools.twin.tls.handshake import Context
from tools.ui import UserError

# Both of the document's tables (the 18 of MQTT have the 6 of HTTP in them) in OpenSSL's names, and
# what corresponds to them for an elliptic curve. The first that both sides have is taken.
SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "DHE-RSA-AES256-SHA256",
    "DHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "DHE-RSA-AES256-SHA",
    "DHE-RSA-AES128-SHA",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-SHA256",
    "AES128-SHA256",
    "AES256-SHA",
    "AES128-SHA",
)

_VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}

# Of the suites with DHE: ffdhe2048, RFC 7919 appendix A.1.
_DH_PARAMETERS = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a cloud's doors offer instead of the usual, for tests.

    suites: OpenSSL's names, with colons between them. certificate: "ec", "rsa", "wrong_name",
    "unknown_ca", "expired" or "not_yet_valid"; default: "ec" and "rsa", as the suite has it.
    version: "1.1" or "1.2", the only one.
    """

    suites: str | None = None
    certificate: str | None = None
    version: str | None = None


_USUAL_KINDS = "ec", "rsa"  # as the client's suites have it; the first is the cheaper for a board
_DOCUMENTED = Offer(":".join(SUITES), None, "1.2")
_OPENSSLS = Offer()  # TLS 1.2 and up, with OpenSSL's own suites


class Contexts:
    """The contexts of one twin's TLS doors over TCP, a new one for each handshake.

    certificates: what orgs have uploaded. authority: signs the doors' certificates. names: what
    those are called. folder: of this run, private. issuers: the CA of devices, by cloud.
    usual: PEM file with key and certificate for a door that shows one only.
    """

    def __init__(
        self,
        certificates: Certificates,
        authority: Authority,
        names: Sequence[str],
        folder: Path,
        issuers: Mapping[str, Authority],
    ) -> None:
        self._certificates = certificates
        self._authority = authority
        self._names = names
        self._folder = folder
        self._issuers = issuers
        self._offers: dict[str, Offer] = {}
        self._parameters = folder / "dh.pem"
        self._parameters.write_text(_DH_PARAMETERS)
        self.usual = self._certificate("ec")
        self._shown(Offer())  # an RSA key takes long: not in the first handshake

    def context(self, cloud: str) -> Context:
        """What the next handshake at a door of this cloud begins with."""
        offer = self._offers.get(cloud, Offer())
        context = Context.new()
        rules = CLOUDS[cloud]
        if rules.client_certificates == "by org":  # the certificate comes with the org
            self._equip(context, cloud, offer)
            self._by_org(context, rules, offer)
            return context
        self._equip(context, cloud, offer, *self._shown(offer))
        context.sni_callback = _remember
        match rules.client_certificates:
            case "required":
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self._issuers[cloud].certificate_file)
                context.watch(context)
            case "any":
                _take_any(context)
        return context

    def faults(self) -> dict[str, Fault]:
        """What control requests may break."""
        return {"tls": quickly(self._order)}

    def _order(self, request: Mapping[str, Any]) -> None:
        values = {name: v for name, v in request.items() if name not in ("do", "fault", "cloud")}
        known = [field.name for field in fields(Offer)]
        for name in values:
            if name not in known:
                raise UserError(f"there is no {name!r} in this fault; it takes {', '.join(known)}")
        offer = Offer(**values)
        cloud = request["cloud"]
        if cloud not in CLOUDS:
            raise UserError(f"there is no cloud {cloud!r}; use one of: {', '.join(CLOUDS)}")
        if offer.version not in (None, *_VERSIONS):
            raise UserError(f"there is no version {offer.version!r}; use 1.1 or 1.2")
        try:
            self._equip(Context.new(), cloud, offer, *self._shown(offer))
        except ssl.SSLError:
            raise UserError(f"OpenSSL knows no suite of {offer.suites!r}") from None
        self._offers[cloud] = offer

    def _equip(
        self, context: ssl.SSLContext, cloud: str, offer: Offer, *certificates: Path
    ) -> None:
        """Versions, suites and the server's certificates."""
        for certificate in certificates:
            context.load_cert_chain(certificate)
        context.load_dh_params(str(self._parameters))
        usual = _DOCUMENTED if CLOUDS[cloud].lists_suites else _OPENSSLS
        suites, version = offer.suites or usual.suites, offer.version or usual.version
        if version is not None:
            context.minimum_version = context.maximum_version = _VERSIONS[version]
        if version == "1.1":  # signs with SHA-1 and MD5: at OpenSSL 3's lowest level only
            suites = f"{suites or 'DEFAULT'}:@SECLEVEL=0"
        if suites is not None:
            context.set_ciphers(suites)

    def _by_org(self, context: Context, rules: type[Cloud], offer: Offer) -> None:
        """The org, which only the client's hello names, brings its CAs and its certificate.

        By then OpenSSL has settled whether to ask for a client's: one org's CA makes it ask all,
        and what clients of orgs without a CA show counts as nothing. A registered CA need not be
        a root here; where the document wants one, the login tells.
        """
        if any(ca.active for ca in self._certificates.cas()):
            _believe(context)

        def choose(
            secured: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext
        ) -> int | None:
            context.server_name = server_name
            org = rules.org_of(server_name)
            server = self._server(org) if org and offer.certificate is None else None
            other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            try:
                if server is None:
                    self._equip(other, rules.name, offer, *self._shown(offer))
                else:
                    self._equip_own(other, rules.name, offer, server)
            except ssl.SSLError as error:
                whose = f"server certificate {server.id} of org {org}" if server else "the offer"
                context.problem = f"OpenSSL does not take {whose} ({error.reason})"
                return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
            context.watch(other)
            cas = [] if org is None else self._certificates.cas(org)
            context.cas = [ca for ca in cas if ca.active]
            context.believing = None if context.cas else other
            for ca in context.cas:
                other.load_verify_locations(cadata=ca.pem.decode())
            secured.context = other  # OpenSSL verifies against its CAs from here on
            return None

        context.sni_callback = choose

    def _server(self, org: str) -> ServerCertificate | None:
        return next((server for server in self._certificates.servers(org) if server.active), None)

    def _equip_own(
        self, context: ssl.SSLContext, cloud: str, offer: Offer, server: ServerCertificate
    ) -> None:
        """As `_equip`, with what the org has uploaded: `ssl` wants a file, which is gone soon."""
        with secret_files([(server.chain_pem or b"") + b"\n" + server.key_pem]) as (file,):
            self._equip(context, cloud, offer, file)

    def _shown(self, offer: Offer) -> list[Path]:
        kinds = _USUAL_KINDS if offer.certificate is None else (offer.certificate,)
        return [self._certificate(kind) for kind in kinds]

    def _certificate(self, kind: str) -> Path:
        """A certificate of the twin, made when first wanted. raises: UserError."""
        if kind not in _MAKERS:
            known = ", ".join(_MAKERS)
            raise UserError(f"there is no certificate {kind!r}; use one of: {known}")
        path = self._folder / f"server-{kind}.pem"
        if not path.exists():
            _MAKERS[kind](self._authority, self._names, path)
        return path


def _remember(secured: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
    assert isinstance(context, Context)
    context.server_name = server_name


def _believe(context: Context) -> None:
    """Ask for a certificate, and let any pass that the client has the key of."""
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.watch(context)
    context.believing = context


def _take_any(context: Context) -> None:
    _believe(context)
    context.takes_any = True


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _unknown(_: Authority, names: Sequence[str], path: Path) -> Path:
    return Authority(path.parent / "unknown", "a CA that nobody knows").server(names, path)


_MAKERS: Mapping[str, Callable[[Authority, Sequence[str], Path], Path]] = {
    "ec": lambda authority, names, path: authority.server(names, path),
    "rsa": lambda authority, names, path: authority.server(names, path, "rsa"),
    "wrong_name": lambda authority, _, path: authority.server(["wrong.example"], path),
    "unknown_ca": _unknown,
    "expired": lambda authority, names, path: authority.server(
        names, path, not_after=_now() - _DAY
    ),
    "not_yet_valid": lambda authority, names, path: authority.server(
        names, path, not_before=_now() + _DAY
    ),
}
