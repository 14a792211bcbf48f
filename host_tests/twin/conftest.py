"""Which twin do the twin's own tests share? One for all tests that leave it as they found it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.certified import Org
from host_tests.twin.coap_device import CoapDevice
from host_tests.twin.http_device import AlibabaDevice
from host_tests.twin.sdk import Sdk


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A running twin, shared: do not disable its devices or leave faults behind."""
    with Twin(tmp_path_factory.mktemp("twin")) as running:
        yield running
        assert "Traceback" not in running.output()


@pytest.fixture
def own_twin(tmp_path: Path) -> Iterator[Twin]:
    """A twin for this test alone, to break."""
    with Twin(tmp_path) as running:
        yield running
        assert "Traceback" not in running.output()


@pytest.fixture
def device(twin: Twin) -> CoapDevice:
    """The ready device of Alibaba's CoAP door, not logged in."""
    return CoapDevice(twin)


@pytest.fixture
def online(device: CoapDevice) -> CoapDevice:
    """The same, logged in."""
    device.login()
    return device


@pytest.fixture
def alibaba(twin: Twin) -> Iterator[AlibabaDevice]:
    """The ready device of Alibaba's HTTPS door on a connection of its own, not logged in."""
    with AlibabaDevice(twin) as device:
        yield device


@pytest.fixture
def logged_in(alibaba: AlibabaDevice) -> AlibabaDevice:
    """The same, logged in."""
    alibaba.login()
    return alibaba


@pytest.fixture(scope="session")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """A twin whose org has a registered CA, shared by the tests of certificates."""
    folder = tmp_path_factory.mktemp("certified")
    with Twin(folder) as running:
        yield Org(running, folder / "certificates")
        assert "Traceback" not in running.output()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, dict[str, Any]], Sdk]]:
    """Starts a program of host_tests/twin/clients with what it is given; all end with the test."""
    running: list[Sdk] = []

    def start_one(script: str, given: dict[str, Any]) -> Sdk:
        sdk = Sdk(script, given, tmp_path / f"{script}-{len(running)}.log")
        running.append(sdk)
        return sdk

    yield start_one
    for sdk in running:
        sdk.end()
