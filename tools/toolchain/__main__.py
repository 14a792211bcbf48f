"""Is everything installed? If not, install it: what `make toolchain` calls.

The usual answer is yes and must take no time, so nothing heavy is imported to find out.
"""

import sys

from tools.toolchain.stamp import is_current


def main() -> int:
    """Install what is missing; returns the exit status."""
    if is_current():
        return 0
    from tools.toolchain.install import install_all

    return install_all()


if __name__ == "__main__":
    sys.exit(main())
