"""Which part of signet does device.json need that is not on this board, and how does it get there?

Loaded when an import has failed, and forgotten: see modules.call.
"""

import os
import sys

from signet.errors import ConfigError

# By the last word of a module's name: the key that asks for it, and its package.
_PACKAGES = {
    "coap": ("way", "signet-coap"),
    "http": ("way", "signet-http"),
    "websocket": ("websocket", "signet-websocket"),
    "modem_keys": ("modem", "signet-modem"),
    "channel": ("modem", "signet-modem"),
    "gateway": ("role", "signet-roles"),
    "application": ("role", "signet-roles"),
    "application_identity": ("role", "signet-roles"),
    "certificate": ("cert", "signet-certificates"),
    "on_trial": ("cert", "signet-certificates"),
}


def explain(error):
    """Says what to install.

    Args:
        error: ImportError, as a failed import raises it.
    Returns:
        ConfigError; the error itself where it is not signet that is missing.
    """
    name = str(error).split(" ")[-1].strip("'")
    if name[:12] == "signet.cloud" and (name.count(".") < 3 or name[-9:] == ".identity"):
        text = "must be one of {}; another is a package of its own: see docs/install.md"
        return ConfigError("cloud", text.format(_clouds()), '"enos"')
    key, package = _PACKAGES.get(name.split(".")[-1], ("device.json", None))
    if package:
        text = "needs {0}, which is not on this board: deploy again, or `mpremote mip install "
        return ConfigError(key, (text + "build/index/{0}.json`").format(package))
    if name.startswith("signet."):
        text = "needs {}, which is not on this board: deploy again, or install signet anew"
        return ConfigError(key, text.format(name))
    return error


def _clouds():
    for folder in sys.path:
        try:
            found = os.listdir((folder or ".") + "/signet/cloud")
            found = [each for each in found if "." not in each and each[0] != "_"]
            return ", ".join(sorted(found))
        except OSError:
            pass
    return "those in this firmware"  # of frozen code there is no list
