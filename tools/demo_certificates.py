"""How does the demo's board come by a certificate of its own?  As `signet pki` would make it."""

from pathlib import Path
from typing import Any

from cryptography import x509

from tools.pki.authority import Authority
from tools.pki.command_enos import CA_FOLDER, CA_NAME
from tools.twin.process import TwinProcess
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store

_FILE = "device.pem"


def equip(twin: TwinProcess, config: dict[str, Any], folder: Path) -> None:
    """Give a board key and certificate, and its cloud what it needs to know it.

    twin: runs. config: the board's device.json; the file is named there. At Watson the token
    goes, and no board of its type is let in without a certificate from now on.
    folder: where device.json's files lie; the key stays there.
    """
    store = open_store(twin.state)
    try:
        certificates = Certificates(store)
        equip_for = _enos if config["cloud"] == "enos" else _watson
        equip_for(certificates, twin.state, config, folder)
    finally:
        store.close()
    config["cert"] = _FILE


def _enos(certificates: Certificates, state: Path, config: dict[str, Any], folder: Path) -> None:
    file = Authority(state / CA_FOLDER, CA_NAME).client("signet demo", target=folder / _FILE)
    made = x509.load_pem_x509_certificate(file.read_bytes())
    not_after_ms = round(made.not_valid_after_utc.timestamp() * 1000)
    device = config["product_key"], config["device_key"]
    certificates.issued(made.serial_number, *device, not_after_ms)


def _watson(
    certificates: Certificates, _state: Path, config: dict[str, Any], folder: Path
) -> None:
    ca = Authority(folder / "pki", "signet demo CA")
    certificates.add_ca(config["org_id"], ca.certificate_file.read_bytes(), "demo")
    certificates.set_policy(config["org_id"], "certificate", config["type_id"])
    ca.client(f"d:{config['type_id']}:{config['device_id']}", target=folder / _FILE)
    del config["token"]
