"""How are the pages of the project laid out and built as a site?

They lie as in the repository, so that links between them hold. A link to any other file leads to
a page that shows it. ProperDocs builds them, from an environment of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tools.docs import markdown, reference
from tools.paths import CACHE, ROOT
from tools.toolchain import sdks
from tools.toolchain.run import RunError, run
from tools.ui import UserError

LOCK = ROOT / "requirements-docs.lock"
SITE = ROOT / "build" / "docs"
_SOURCE = ROOT / "build" / "docs-source"
_ENVIRONMENT = CACHE / "docs"
_PICTURES = (".svg", ".png")
_SETTINGS = """\
site_name: signet
docs_dir: {source}
site_dir: {site}
use_directory_urls: false
theme:
  name: readthedocs
  highlightjs: false
hooks: [{hooks}]
markdown_extensions: [sane_lists]
validation:
  omitted_files: ignore
  links:
    not_found: warn
    anchors: warn
    absolute_links: warn
    unrecognized_links: warn
nav:
{nav}
"""


def lay_out(target: Path) -> dict[str, str]:
    """Every page: path in the site -> Markdown; pictures are copied.

    target: the folder of the site's source.
    """
    found, shown = {}, set()
    for page in markdown.pages():
        path = page.relative_to(ROOT).as_posix()
        found[path], files = _with_shown_files(page)
        shown |= files
    for file in shown:
        path = file.relative_to(ROOT).as_posix()
        if file.suffix in _PICTURES:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target / path)
        else:
            found[_page_of(path)] = _shown(path, file)
    modules = reference.pages()
    found |= {f"docs/reference/{name}.md": text for name, text in modules.items()}
    found["docs/reference/index.md"] = reference.index(modules)
    return found


def _with_shown_files(page: Path) -> tuple[str, set[Path]]:
    """A page whose links to what is no page lead to one that shows it, and those files."""
    text, shown = page.read_text(), set()
    for link in markdown.links(text):
        path = urllib.parse.unquote(link).partition("#")[0]
        target = (page.parent / path).resolve() if path else page
        if markdown.elsewhere(link) or not target.exists() or target.suffix == ".md":
            continue
        shown.add(target)
        if target.suffix not in _PICTURES:
            text = text.replace(f"]({link})", f"]({_page_of(path)})")
    return text, shown


def _page_of(path: str) -> str:
    return path.rstrip("/") + ".page.md"


def _shown(path: str, file: Path) -> str:
    if file.is_dir():
        names = sorted(each.name + "/" * each.is_dir() for each in file.iterdir())
        listed = "\n".join(f"- `{name}`" for name in names if not name.startswith(("_", ".")))
        return f"# {path}\n\n{listed}\n"
    language = {".py": "python", ".json": "json"}.get(file.suffix, "text")
    return f"# {path}\n\n````{language}\n{file.read_text()}\n````\n"


def navigation(paths: list[str]) -> Iterator[str]:
    """The site's menu, as lines of YAML: what there is, in the order of the index of docs/."""
    order = markdown.links((ROOT / "docs" / "index.md").read_text())

    def rank(path: str) -> tuple[int, str]:
        name = path.removeprefix("docs/")
        return (order.index(name) if name in order else len(order), path)

    folders = [
        ("Guide", [path for path in paths if PurePosixPath(path).parent.name == "docs"]),
        ("Clouds", [path for path in paths if path.startswith("docs/clouds/")]),
        ("API reference", [path for path in paths if path.startswith("docs/reference/")]),
        ("Project", [path for path in paths if "/" not in path and path != "README.md"]),
    ]
    yield "  - README.md"
    for title, members in folders:
        yield f"  - {title}:"
        members.sort(key=lambda path: (not path.endswith("/index.md"), *rank(path)))
        yield from (f"    - {path}" for path in members)


def environment() -> Path:
    """The Python that has ProperDocs; installs it where it is not.

    raises: UserError with pip's own last words.
    """
    stamp, digest = _ENVIRONMENT / "lock", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = _ENVIRONMENT / "bin" / "python"
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return python
    shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
    options = ["--require-hashes", "--no-deps", "--no-input", "--ignore-installed"]
    pip = sdks.pip_command(CACHE)
    try:
        run([sys.executable, "-m", "venv", "--without-pip", _ENVIRONMENT])
        run([*pip, "install", *options, "--prefix", _ENVIRONMENT, "-r", LOCK])
    except RunError as failure:
        errors = [line for line in failure.lines if line.startswith("ERROR")]
        raise UserError(
            f"pip cannot install what {LOCK.name} names; check the network and `pip config "
            f"list`, then run make again. pip said: {errors[0] if errors else failure}"
        ) from None
    stamp.write_text(digest)
    return python


def build() -> int:
    """Build the site anew.

    returns: how many pages it has. raises: UserError with each warning of ProperDocs.
    """
    python = environment()
    for folder in (_SOURCE, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    pages = lay_out(_SOURCE)
    for path, text in pages.items():
        (_SOURCE / path).parent.mkdir(parents=True, exist_ok=True)
        (_SOURCE / path).write_text(text)
    settings = _SOURCE.with_suffix(".yml")
    hooks = Path(__file__).with_name("hooks.py")
    menu = "\n".join(navigation([*pages]))
    source, target, hook = (json.dumps(f"{path}") for path in (_SOURCE, SITE, hooks))  # YAML, too
    settings.write_text(_SETTINGS.format(source=source, site=target, hooks=hook, nav=menu))
    command = [str(python), "-m", "properdocs", "build", "--strict"]
    try:
        run([*command, "-f", str(settings)], folder=ROOT, environment={"PYTHONPATH": str(ROOT)})
    except RunError as failure:
        lines = [line for line in failure.lines if not line.startswith("INFO")]
        said = "\n".join(re.sub(r"^WARNING +-+ +", "", line) for line in lines)
        raise UserError(f"the site cannot be built:\n{said}") from None
    return len(pages)
