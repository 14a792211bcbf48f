"""`make docs`: the site, its links, and the commands on its pages."""

import sys
import tempfile
from pathlib import Path

from tools.docs import commands, markdown, site
from tools.paths import ROOT
from tools.toolchain.progress import told
from tools.ui import UserError, console, errors


def main() -> int:
    """Build, check and say what there is; returns the exit status."""
    with told(lambda: "building the site"):
        count = site.build()
    links = [
        (page, link) for page in markdown.pages() for link in markdown.links(page.read_text())
    ]
    away = sum(markdown.elsewhere(link) for _, link in links)
    dead = [(page, why) for page, link in links if (why := markdown.dead(page, link))]
    where = (site.SITE / "index.html").relative_to(ROOT)
    say(f"{count} pages in {where}")
    say(
        f"{len(links)} links, {away} of them to other sites, which are not asked; {len(dead)} dead"
    )
    for page, why in dead:
        say(f"{page.relative_to(ROOT)}: {why}")
    outcomes: list[commands.Outcome] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        told(lambda: f"commands of the pages: {len(outcomes)}"),
    ):
        outcomes.extend(commands.run_all(Path(folder)))
    for line in commands.summary(outcomes):
        say(line)
    return int(bool(dead or any(each.failure for each in outcomes)))


def say(text: str) -> None:
    """One line, as it is."""
    console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        errors.print(f"signet: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
