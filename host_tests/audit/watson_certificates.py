"""Which sentences has Watson's "Configuring certificates"?"""

import contextlib

from host_tests.audit.board import board
from host_tests.audit.command import signet
from host_tests.audit.mqtt import mqtt
from host_tests.audit.place import Place
from host_tests.audit.row import Probe, Trial, beyond, row
from host_tests.audit.tls import handshake, openssl, shown
from host_tests.audit.web import curl
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store

DOCUMENT = "Watson certificates"

_ORG = "mtxpd0"
_HOST = "mtxpd0.messaging.internetofthings.ibmcloud.com"
_CUSTOM = "mtxpd0.messaging.mywiotpcustomdomain.com"
_SERVER_HOST = "srvcrt.messaging.internetofthings.ibmcloud.com"
_USER, _TOKEN = "use-token-auth", "token-of-devid"
_DEVICE, _GATEWAY = "d:mtxpd0:devtype:devid", "g:mtxpd0:typeId:deviceId"
_LEAF = "-addext basicConstraints=CA:FALSE"
_AUTHORITY = "-addext keyUsage=critical,keyCertSign,cRLSign"
_OUT = "closed"  # without a CONNACK
_EVERY = "report 1 stored.*"


def issued(
    name: str, subject: str, san: str = "", *, ca: str = "", expired: bool = False, more: str = ""
) -> Trial:
    """NAME.pem and NAME.key by plain openssl. ca: folder of the CA; default: signed by itself."""
    words = f"req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem {more}"
    words += f" -CA {ca}/ca.pem -CAkey {ca}/ca.key {_LEAF}" * bool(ca)
    words += f" -addext subjectAltName={san}" * bool(san)

    def ask(place: Place) -> str:
        file = place.files / f"{name}.pem"
        said = openssl(place, *words.split(), "-subj", subject)
        if expired:
            asked = f"req -new -key {name}.key -out {name}.csr"
            openssl(place, *asked.split(), "-subj", subject)
            signer = f"-CA {ca}/ca.pem -CAkey {ca}/ca.key" if ca else f"-signkey {name}.key"
            again = f"x509 -req -in {name}.csr -days -1 -out {name}.pem {signer} -set_serial 1"
            said = openssl(place, *again.split())
        made = file.exists() and "BEGIN CERTIFICATE" in file.read_text()
        return "made" if made else said[-200:]

    return Probe("openssl", ask), "made"


def _policy(policy: str, org: str = _ORG) -> Trial:
    return signet(f"twin policy {policy} --org {org}"), "0 .*"


def _login(
    certificate: str = "",
    token: str = "",
    *,
    client: str = _DEVICE,
    host: str = _HOST,
    way: str = "mqtts",
) -> Probe:
    user = _USER if token else None
    return mqtt("watson", client, user, token, way, host=host, certificate=certificate)


def _shown(host: str, ca: str) -> Probe:
    """What the server shows for a name, verified by a CA file of ours."""
    return Probe(
        "openssl s_client",
        lambda place: handshake("-tls1_2", host=host, ca=str(place.files / ca)).ask(place),
    )


def _upload(name: str, org: str = "srvcrt", key: str = "", more: str = "") -> Probe:
    """Uploads NAME.pem with its key, without asking."""
    words = f"pki server upload {name}.pem --key {key or name + '.key'} --org {org} --yes {more}"
    return signet(f"{words} --description {name}")


def _activate(description: str, org: str) -> Probe:
    """Activates the newest certificate of a description, or a request."""

    def ask(place: Place) -> object:
        with contextlib.closing(open_store(place.twin.state)) as store:
            number = max(
                server.id
                for server in Certificates(store).servers(org)
                if server.description == description
                or (description == "request" and server.chain_pem is None)
            )
        return signet(f"pki server activate {number}").ask(place)

    return Probe("signet", ask)


def _event(ca: str, host: str) -> Probe:
    """The status of an event by HTTPS. ca: a file of ours."""
    url = f"https://{host}/api/v0002/device/types/devtype/devices/devid/events/status"

    def ask(place: Place) -> str:
        more = ("--user", f"{_USER}:{_TOKEN}", "--cacert", str(place.files / ca))
        headers = ("Content-Type: application/json",)
        return curl(place, ("watson", "https"), url, "{}", headers, more=more)[0]

    return Probe("curl", ask)


def _written(name: str, text: str) -> Probe:
    """A file with this text."""
    return Probe("openssl", lambda place: (place.files / name).write_text(text) and "")


def _joined(target: str, *names: str) -> Probe:
    """A file of several."""

    def ask(place: Place) -> str:
        text = "".join((place.files / name).read_text() for name in names)
        (place.files / target).write_text(text)
        return ""

    return Probe("signet", ask)


def _forgotten(org: str) -> Probe:
    """Takes the CAs of an org away again, which ask for SNI from all of it."""

    def ask(place: Place) -> str:
        with contextlib.closing(open_store(place.twin.state)) as store:
            for ca in (tables := Certificates(store)).cas(org):
                tables.remove_ca(ca.id)
        return ""

    return Probe("signet", ask)


_CA: tuple[Trial, ...] = (
    (signet("pki ca --folder ca --name first"), "0 .*"),
    (signet("pki ca --folder stranger --name stranger"), "0 .*"),
    (signet(f"pki register ca/ca.pem --org {_ORG} --yes --description first"), "0 .*active now.*"),
)

ROWS = (
    row(
        17,
        "Devices without a valid signed certificate are denied access",
        *_CA,
        _policy("certificate"),
        issued("cn", "/CN=d:devtype:devid", ca="ca"),
        issued("dns", "/O=none", "DNS:d.devtype.devid", ca="ca"),
        issued("foreign", "/CN=d:devtype:devid", ca="stranger"),
        issued("late", "/CN=d:devtype:devid", ca="ca", expired=True),
        (_login(), _OUT),
        (_login("dns.pem"), _OUT),
        (_login("foreign.pem"), ".*UNKNOWN_CA"),
        (_login("late.pem"), ".*CERTIFICATE_EXPIRED"),
        (_login("cn.pem"), "CONNACK 0"),
    ),
    row(
        19,
        "The operator registers CA and server certificates",
        (signet(f"pki list --org {_ORG}"), "0 .*yes.*first.*"),
        (signet(f"pki server list --org {_ORG}"), "0 .*"),
    ),
    beyond(21, "APIs manage both kinds of certificates", "the command line stands for them"),
    row(24, "CA certificates make the devices trusted", (_login("cn.pem"), "CONNACK 0")),
    row(
        26,
        "With a CA or an own server certificate, all devices must send SNI",
        _policy("tls-optional"),
        (_login("", _TOKEN), "CONNACK 0"),
        (_login("", _TOKEN, host="-"), _OUT),
        (_login("", _TOKEN, host="localhost"), _OUT),
        (_login("", _TOKEN, host="orgId1.messaging.internetofthings.ibmcloud.com"), "CONNACK 5"),
        (board("watson", "mqtts", org_id=_ORG, host=_HOST), _EVERY),
    ),
    *(
        row(
            28,
            f"The connection security policy sets the level: {policy}",
            _policy(policy),
            (_login("", ""), nothing),
            (_login("", _TOKEN), token),
            (_login("cn.pem"), certificate),
            (_login("cn.pem", _TOKEN), "CONNACK 0"),
        )
        for policy, nothing, token, certificate in (
            ("tls-optional", "CONNACK 5", "CONNACK 0", "CONNACK 5"),
            ("token", "CONNACK 5", "CONNACK 0", "CONNACK 5"),
            ("certificate", _OUT, _OUT, "CONNACK 0"),
            ("certificate-and-token", _OUT, _OUT, "CONNACK 5"),
            ("certificate-or-token", "CONNACK 5", "CONNACK 0", "CONNACK 0"),
        )
    ),
    row(
        32,
        "Devices' own certificates are not uploaded, only the CA",
        (signet(f"pki register cn.pem --org {_ORG} --yes"), "2 .*CA:TRUE.*"),
    ),
    row(
        32,
        "With self-signed server certificates: root and intermediates, too",
        issued("own", f"/CN={_SERVER_HOST}", f"DNS:{_SERVER_HOST}", more=_LEAF),
        (_upload("own"), "0 .*uploaded.*"),
        (_activate("own", "srvcrt"), "0 .*active.*"),
        issued("root", "/CN=root", more=_AUTHORITY),
        issued("middle", "/CN=middle", more=f"{_AUTHORITY} -CA root.pem -CAkey root.key"),
        (signet("pki register middle.pem --org srvcrt --yes"), "0 .*root.*"),
        (signet("pki register root.pem --org srvcrt --yes"), "0 (?!.*root and).*"),
        (signet("pki server default --org srvcrt"), "0 .*"),
    ),
    row(
        34,
        "CN or SubjectAltName holds the device's or gateway's id",
        _policy("certificate"),
        issued("san", "/O=any", "email:d:devtype:devid", ca="ca"),
        (_login("cn.pem"), "CONNACK 0"),
        (_login("san.pem"), "CONNACK 0"),
    ),
    row(
        36,
        "Devices: CN=d:devtype:devid",
        (_login("cn.pem"), "CONNACK 0"),
        (
            board("watson", "mqtts", certificate="cn.pem", org_id=_ORG, host=_HOST, token=None),
            _EVERY,
        ),
    ),
    row(
        36,
        "Devices: SubjectAltName=email:d:devtype:devid",
        (_login("san.pem"), "CONNACK 0"),
        (
            board("watson", "mqtts", certificate="san.pem", org_id=_ORG, host=_HOST, token=None),
            _EVERY,
        ),
    ),
    row(
        38,
        "Gateways: CN=g:typeId:deviceId",
        issued("gateway", "/CN=g:typeId:deviceId", ca="ca"),
        (_login("gateway.pem", client=_GATEWAY), "CONNACK 0"),
    ),
    row(
        38,
        "Gateways: SubjectAltName=email:g:devtype:devid",
        issued("gateway-san", "/O=any", "email:g:typeId:deviceId", ca="ca"),
        (_login("gateway-san.pem", client=_GATEWAY), "CONNACK 0"),
        (
            signet(
                f"pki device typeId deviceId --gateway --to gw --ca ca --org {_ORG} --no-register"
            ),
            "0 .*g:typeId:deviceId.*",
        ),
        (_login("gw/device.pem", client=_GATEWAY), "CONNACK 0"),
    ),
    row(
        40,
        "No orgId in CN or SubjectAltName",
        issued("with-org", "/CN=d:mtxpd0:devtype:devid", ca="ca"),
        (_login("with-org.pem"), _OUT),
    ),
    row(
        40,
        "The orgId is that of the SNI",
        (_login("cn.pem", client="d:mtxpd0:devtype:other"), "CONNACK 0"),
    ),
    row(
        "46-52",
        "Server certificate: CN or SubjectAltName orgId.messaging....ibmcloud.com",
        issued("server-cn", f"/CN={_SERVER_HOST}", more=_LEAF),
        issued("server-san", "/O=any", f"DNS:{_SERVER_HOST}", more=_LEAF),
        issued("server-other", f"/CN={_HOST}", more=_LEAF),
        (_upload("server-cn"), "0 .*uploaded.*"),
        (_upload("server-san"), "0 .*uploaded.*"),
        (_upload("server-other"), "2 .*messaging.*"),
        (handshake(host=_HOST), "agreed .*"),
    ),
    beyond(59, "Experimental Features switch custom domains on", "a switch of the console"),
    row(
        63,
        "Custom domains: orgId.messaging.<custom domain>",
        issued("custom", "/O=any", f"DNS:{_CUSTOM}", more=_LEAF),
        (_upload("custom", _ORG), "0 .*uploaded.*"),
        (_activate("custom", _ORG), "0 .*active.*"),
        (_shown(_CUSTOM, "custom.pem"), "agreed .*"),
        _policy("tls-optional"),
        (board("watson", "mqtts", ca="custom.pem", org_id=_ORG, host=_CUSTOM), _EVERY),
        (_event("custom.pem", _CUSTOM), "200"),
        (board("watson", "https", ca="custom.pem", org_id=_ORG, host=_CUSTOM), _EVERY),
        (signet(f"pki server default --org {_ORG}"), "0 .*"),
    ),
    row(
        "65, 67",
        "CN=*.messaging.mywiotpcustomdomain.com",
        issued(
            "wild",
            "/CN=*.messaging.mywiotpcustomdomain.com",
            "DNS:*.messaging.mywiotpcustomdomain.com",
            more=_LEAF,
        ),
        (_upload("wild", _ORG), "0 .*uploaded.*"),
        (_activate("wild", _ORG), "0 .*active.*"),
        (_shown(_CUSTOM, "wild.pem"), "agreed .*"),
        (signet(f"pki server default --org {_ORG}"), "0 .*"),
    ),
    row(
        69,
        "An external DNS resolves the custom domain",
        (
            board(
                "watson",
                "mqtts",
                host="nowhere.messaging.mywiotpcustomdomain.com",
                address=None,
                until="^not connected: .*",
            ),
            "not connected: .*",
        ),
    ),
    row(
        76,
        "The file has one certificate",
        (_joined("two.pem", "ca/ca.pem", "stranger/ca.pem"), ""),
        (signet("pki register two.pem --org srvcrt --yes"), "2 .*only one.*"),
    ),
    row(
        76,
        "Its dates are valid",
        issued("expired", "/CN=expired", expired=True, more=_AUTHORITY),
        (signet("pki register expired.pem --org srvcrt --yes"), "2 .*expired.*"),
    ),
    row(
        76,
        "Only .pem and .der",
        (shown("x509 -in stranger/ca.pem -outform DER -out stranger.der"), ""),
        (signet("pki register stranger.der --org orgId1 --yes --description der"), "0 .*active.*"),
        (signet("pki list --org orgId1"), "0 .*der.*"),
        (_forgotten("orgId1"), ""),
        (shown("pkcs12 -export -in cn.pem -inkey cn.key -out cn.p12 -passout pass:x"), ""),
        (signet("pki register cn.p12 --org srvcrt --yes"), "2 .*PKCS.*"),
        (signet("pki register cn.key --org srvcrt --yes"), "2 .*private key.*"),
    ),
    row(
        42,
        "The recipe's CA, as `openssl req -x509` makes it, and a device that it signed",
        (Probe("openssl", lambda place: (place.files / "plain").mkdir()), "None"),
        issued("plain/ca", "/CN=plain"),
        issued("plain/cn", "/CN=d:devtype:devid", ca="plain"),
        (signet(f"pki register plain/ca.pem --org {_ORG} --yes"), "0 .*active now.*"),
        _policy("certificate"),
        (_login("plain/cn.pem"), "CONNACK 0"),
    ),
    row(
        76,
        "A preview of the certificate in the file",
        (
            signet("pki register stranger/ca.pem --org srvcrt --yes --description second"),
            "0 .*stranger.*second.*active now.*",
        ),
    ),
    row(77, "A description", (signet("pki list --org srvcrt"), "0 .*second.*")),
    row(
        78, "Listed, and active by default", (signet("pki list --org srvcrt"), "0 .*yes.*second.*")
    ),
    row(
        83,
        "A default certificate, or one of your own",
        (handshake(host=_SERVER_HOST), "agreed .*"),
        (_activate("server-san", "srvcrt"), "0 .*active.*"),
        (_shown(_SERVER_HOST, "server-san.pem"), "agreed .*"),
        (signet("pki server default --org srvcrt"), "0 .*"),
    ),
    row(
        "83, 106, 107",
        "A request, signed by a CA, uploaded back in its place",
        (signet("pki server csr --org srvcrt --to asked.csr"), "0 .*upload.*--org srvcrt.*"),
        (shown("req -in asked.csr -noout -verify"), ".*OK.*"),
        (signet("pki server list --org srvcrt"), "0 .*request.*"),
        (signet("pki server sign asked.csr --ca ca"), "0 .*"),
        (signet("pki server upload asked.pem --org srvcrt --yes"), "0 .*uploaded.*"),
        (signet("pki server list --org srvcrt"), "0 (?!.*request).*"),
    ),
    row(
        85,
        "Self-signed server certificates, which clients have to trust",
        issued("self", f"/CN={_SERVER_HOST}", f"DNS:{_SERVER_HOST}"),
        (_upload("self"), "0 .*uploaded.*"),
        (_activate("self", "srvcrt"), "0 .*active.*"),
        (_shown(_SERVER_HOST, "self.pem"), "agreed .*"),
        (board("watson", "mqtts", ca="self.pem", org_id="srvcrt", host=_SERVER_HOST), _EVERY),
        (board("watson", "mqtts", org_id="srvcrt", host=_SERVER_HOST), "not connected: .*"),
        (signet("pki server default --org srvcrt"), "0 .*"),
    ),
    row(
        "90, 91",
        "Upload a certificate file and its private key file",
        (_upload("server-cn", key="server-san.key"), "2 .*key.*"),
        (_upload("server-cn"), "0 .*uploaded.*"),
    ),
    row(
        92,
        "The passphrase, if the private key has one",
        (shown("rsa -in server-cn.key -aes128 -passout pass:secret -out locked.key"), ".*"),
        (_written("right", "secret"), ""),
        (_written("wrong", "guess"), ""),
        (_upload("server-cn", key="locked.key", more="--passphrase-file right"), "0 .*uploaded.*"),
        (
            _upload("server-cn", key="locked.key", more="--passphrase-file wrong"),
            "2 .*passphrase.*",
        ),
        (_upload("server-cn", key="locked.key"), "2 .*passphrase.*"),
    ),
    row(
        93,
        "Confirm that the file is the right one, and save",
        (_upload("server-cn"), f"0 .*{_SERVER_HOST}.*uploaded.*"),
        (
            signet("pki server upload server-cn.pem --key server-cn.key --org srvcrt"),
            "[12] .*--yes.*",
        ),
    ),
    row(
        97,
        "Activate the default or an uploaded certificate",
        (_activate("server-cn", "srvcrt"), "0 .*active.*"),
        (signet("pki server list --org srvcrt"), "0 .*yes.*"),
        (signet("pki server csr --org srvcrt --to open.csr"), "0 .*"),
        (_activate("request", "srvcrt"), "2 .*no server certificate.*"),
        (signet("pki server default --org srvcrt"), "0 .*"),
        (signet("pki server list --org srvcrt"), "0 (?!.* yes ).*"),
    ),
    row(
        "102-105",
        "A certificate signing request with your details, shown in the table",
        (
            signet(
                "pki server csr --org srvcrt --to details.csr --organization Example --unit Meters"
                " --country SG --province Singapore --locality Singapore"
            ),
            "0 .*",
        ),
        (
            shown("req -in details.csr -noout -subject"),
            ".*C ?= ?SG.*O ?= ?Example.*OU ?= ?Meters.*",
        ),
        (signet("pki server list --org srvcrt"), "0 .*request.*"),
    ),
)
