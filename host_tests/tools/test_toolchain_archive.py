"""Does a pinned archive come from the user's own index, and only when its hash is right?"""

import functools
import hashlib
import http.server
import io
import sys
import tarfile
import threading

import pytest

from tools.toolchain import archive
from tools.ui import UserError

_NAME = "micropython-umqtt.simple-1.3.4.tar.gz"


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


CONTENT = tar({"top-1.3.4/PKG-INFO": b"x", "top-1.3.4/umqtt/simple.py": b"class MQTTClient: pass"})
PIN = archive.Pin("micropython-umqtt.simple", "1.3.4", hashlib.sha256(CONTENT).hexdigest())


def no_report(*_):
    pass


@pytest.fixture
def pip(tmp_path):
    """A pip whose configuration a test chooses."""

    def pip(**options):
        program = tmp_path / "pip.py"
        lines = [
            f"{name.replace('__', '.').replace('_', '-')}={value!r}"
            for name, value in options.items()
        ]
        program.write_text(f"print({chr(10).join(lines)!r})")
        return [sys.executable, str(program)]

    return pip


@pytest.fixture
def index(tmp_path):
    """A package index on loopback; returns the folder it serves and its address."""
    page = tmp_path / "index" / "micropython-umqtt-simple"
    page.mkdir(parents=True)
    page.joinpath("index.html").write_text(f'<a href="../{_NAME}">{_NAME}</a>')
    handler = functools.partial(_Handler, directory=str(page.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield page.parent, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_pip_configuration_ranks_environment_over_command_over_global(pip):
    command = pip(global__index_url="a", global__timeout="5", install__index_url="b")
    assert archive.pip_configuration(command) == {"index-url": "b", "timeout": "5"}
    program = "print(\"global.index-url='a'\\n:env:.index-url='c'\\ninstall.index-url='b'\")"
    assert archive.pip_configuration([sys.executable, "-c", program]) == {"index-url": "c"}


def test_the_archive_comes_from_the_index_that_pip_is_configured_for(pip, index):
    folder, address = index
    folder.joinpath(_NAME).write_bytes(CONTENT)
    command = pip(global__index_url=address)
    assert archive.fetch(PIN, command, no_report) == CONTENT


def test_an_index_that_gives_another_base_and_more_in_an_address_is_understood(pip, index):
    folder, address = index
    folder.joinpath("far").mkdir()
    folder.joinpath("far", _NAME).write_bytes(CONTENT)
    folder.joinpath("micropython-umqtt-simple", "index.html").write_text(
        f'<base href="{address}far/"><A HREF="micropython_umqtt.simple-1.3.4-none-any.whl">x</A>'
        f'<a data-requires-python="&gt;=3" href="{_NAME}#sha256={PIN.sha256}">x</a>'
    )
    assert archive.fetch(PIN, pip(global__index_url=address), no_report) == CONTENT


def test_a_pip_without_configuration_has_an_index_that_its_help_names():
    found = archive._default_index([sys.executable, "-m", "pip"])
    assert found is not None
    assert found.startswith("https://")


def test_an_extra_index_is_asked_when_the_first_has_nothing(pip, index):
    folder, address = index
    folder.joinpath(_NAME).write_bytes(CONTENT)
    command = pip(global__index_url=f"{address}nothing/", global__extra_index_url=address)
    assert archive.fetch(PIN, command, no_report) == CONTENT


def test_the_archive_comes_from_a_folder_of_find_links_without_any_index(pip, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    links.joinpath(_NAME).write_bytes(CONTENT)
    command = pip(global__find_links=f"file://{links}", global__no_index="true")
    assert archive.fetch(PIN, command, no_report) == CONTENT


def test_an_archive_with_another_hash_is_refused(pip, index):
    folder, address = index
    folder.joinpath(_NAME).write_bytes(CONTENT + b"\0")
    with pytest.raises(UserError, match="SHA-256 is not the pinned one"):
        archive.fetch(PIN, pip(global__index_url=address), no_report)


def test_an_index_that_cannot_be_reached_is_one_sentence_without_its_password(pip):
    command = pip(global__index_url="http://name:hunter2@127.0.0.1:1/")
    with pytest.raises(UserError) as caught:
        archive.fetch(PIN, command, no_report)
    assert "check the network and `pip config list`" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pip_that_may_use_no_index_is_respected(pip):
    with pytest.raises(UserError, match="configured to use none"):
        archive.fetch(PIN, pip(global__no_index="1"), no_report)


def test_one_file_is_read_out_of_the_archive():
    assert archive.member(CONTENT, "umqtt/simple.py") == b"class MQTTClient: pass"
    with pytest.raises(UserError, match="has no umqtt/robust"):
        archive.member(CONTENT, "umqtt/robust.py")
