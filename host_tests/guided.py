"""How is a reader of firmware/bench/readers.py fuzzed by coverage?

`guided.py READER FOLDER [options of libFuzzer]`, by atheris, on CPython with the shims: it begins
with the seeds and keeps what reaches new lines of lib/signet in FOLDER/corpus.  It ends with the
first exception that must not be, whose input it leaves in FOLDER.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["signet"]):
    from stand_ins import keep_modules

    keep_modules()
    from readers import READERS, settle
from seeds import SEEDS


def main(reader: str, folder: str, *options: str) -> None:
    """Write the seeds, and fuzz."""
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[reader]):
        (corpus / str(number)).write_bytes(seed)
    settle(f"{folder}/files")
    arguments = [
        sys.argv[0],
        str(corpus),
        f"-artifact_prefix={folder}/",
        "-max_len=4096",
        *options,
    ]
    atheris.Setup(arguments, READERS[reader])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
