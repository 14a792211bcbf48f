"""Are the image's sources the pinned ones, is it built when it must be, and counted right?"""

import hashlib
import tarfile

import pytest

from tools.firmware import build, compiler, sizes, sources
from tools.ui import UserError


@pytest.fixture
def archive(tmp_path):
    """A source archive with a folder that is wanted, and one that is not."""
    folder = tmp_path / "thing-1.0"
    for name in ("src/a/code.c", "docs/page.txt"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(name)
    path = tmp_path / "archives" / "thing_1.0.orig.tar.xz"
    path.parent.mkdir()
    with tarfile.open(path, "w:xz") as tar:
        tar.add(folder, folder.name)
    return path


def test_of_a_pinned_archive_only_what_is_wanted_is_unpacked_in_its_place(
    archive, tmp_path, monkeypatch
):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = sources.Source("thing", archive.name, digest, "lib/thing", ("src",))
    monkeypatch.setattr(sources, "SOURCES", (source,))
    monkeypatch.setattr(
        sources.debian, "fetch_sources", lambda target, *_: archive.parent.rename(target)
    )
    sources._build(tmp_path / "tree", lambda *_: None)
    found = [path for path in (tmp_path / "tree/lib/thing").rglob("*") if path.is_file()]
    assert found == [tmp_path / "tree/lib/thing/src/a/code.c"]


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("thing_1.0.orig.tar.xz", "is not the one that"),
        ("thing_0.9.orig.tar.xz", "has thing_1.0.orig.tar.xz, not thing_0.9.orig.tar.xz"),
    ],
)
def test_another_archive_than_the_pinned_one_is_refused(archive, name, trouble):
    with pytest.raises(UserError, match=trouble):
        sources._verified(archive.parent, sources.Source("thing", name, "00", "", ()))


def test_an_image_is_current_until_something_that_it_is_made_of_changes(tmp_path, monkeypatch):
    port, manifest = tmp_path / "port", tmp_path / "manifest.py"
    gcc = tmp_path / "gcc"
    port.mkdir()
    for path in (manifest, port / "main.c", *(tmp_path / name for name in ("elf", "objects"))):
        path.touch()
    gcc.write_text("#!/bin/sh\necho GCC 1")
    gcc.chmod(0o755)
    for module, name, value in (
        (build, "PORT", port),
        (build, "MANIFEST", manifest),
        (build, "IN_USE", tmp_path / "elf"),
        (build, "OBJECTS", tmp_path / "objects"),
        (build, "STAMP", tmp_path / "stamp"),
        (build, "BIN", tmp_path),
        (compiler, "QEMU", "gcc"),
        (sources, "tree", lambda: tmp_path),
    ):
        monkeypatch.setattr(module, name, value)
    assert not build.is_current(gcc)
    for path in (port / "main.c", manifest, gcc):
        (tmp_path / "stamp").write_text(build.fingerprint(gcc))
        assert build.is_current(gcc)
        with path.open("a") as file:
            file.write(" 2")
        assert not build.is_current(gcc)
    (tmp_path / "stamp").write_text(build.fingerprint(gcc))
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "core.mpy").touch()
    monkeypatch.setenv("SIGNET", str(tmp_path / "linked"))  # the manifest freezes that instead
    assert not build.is_current(gcc)
    gcc.write_text("#!/bin/sh\nexec /where/it/was/gcc")  # the checkout was moved
    assert not build.is_current(gcc)


def test_a_folder_with_a_space_in_which_nothing_can_be_built_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "FIRMWARE", tmp_path / "a b")
    with pytest.raises(compiler.UnavailableError, match="a b: MicroPython's build takes no space"):
        compiler.plan()


# As GNU ld writes it: a long name has a line of its own, equal texts lie where the first do.
_MAP = """
 .text          0x00000000        0x9 /b/discarded.o

Linker script and memory map

.text           0x00000000       0xe0
 *(.text*)
 .text.main     0x00000000       0x10 /b/main.o
                0x00000000                main
 .text.a_name_that_is_long
                0x00000010       0x1e /b/lib/mbedtls/library/aes.o
 *fill*         0x0000002e        0x2
 .text          0x00000030       0x10 /b/lib/lwip/src/core/udp.o
 .rodata.str1.1
                0x00000040       0x30 /b/frozen_content.o
 .rodata.str1.1
                0x00000070        0x8 /b/lib/mbedtls/library/aes.o
 .rodata.fun_data_signet_client_umqtt_open
                0x00000070       0x50 /b/frozen_content.o
 .rodata.fun_data_asyncio_core_run
                0x000000c0       0x20 /b/frozen_content.o

.data           0x20000000        0x4 load address 0x000000e0
 .data.x        0x20000000        0x4 /b/main.o

.bss            0x20000004       0x48
 .bss.arena     0x20000004       0x40 /b/tls_memory.o
 COMMON         0x20000044        0x8 /b/main.o

/DISCARD/
 .ARM.exidx     0x00000000        0x8 /b/main.o
"""


def test_what_each_part_of_an_image_takes_is_read_from_the_linkers_map():
    assert sizes.of_map(_MAP) == {
        sizes.MICROPYTHON: (0x10 + 4, 4 + 8),
        sizes.TLS: (0x20 + 8, 0x40),
        sizes.NETWORK: (0x10, 0),
        sizes.OTHERS: (0x20, 0),
        sizes.SIGNET: (0x30 - 8 + 0x50, 0),
    }
