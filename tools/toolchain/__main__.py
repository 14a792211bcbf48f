"""Is what the tools need installed, and with `--all` what tests need? If not, install it.

The usual answer is yes and must take no time, so nothing heavy is imported to find out.
"""

import sys

from tools.toolchain.stamp import is_current


def main(everything: bool) -> int:
    """Install what is missing; returns the exit status.

    everything: also what only tests need.
    """
    if is_current(everything):
        return 0
    from tools.toolchain.install import install

    return install(everything)


if __name__ == "__main__":
    sys.exit(main("--all" in sys.argv[1:]))
