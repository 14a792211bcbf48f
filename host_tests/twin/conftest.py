"""Which twin do the twin's own tests share? One for all tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from host_tests.support import Twin


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A running twin, shared: do not disable its devices or leave faults behind."""
    with Twin(tmp_path_factory.mktemp("twin")) as running:
        yield running
