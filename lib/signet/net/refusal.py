"""Why did a handshake of TLS or DTLS fail, and what is to be checked?

Loaded when one has failed, and forgotten: see modules.call.
"""

from micropython import const

from signet.errors import Lost, Refused, Untrusted

_ALERT = const(-30592)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE: which alert, it does not say

# What is wrong with a server's certificate, and how TLS says so; the last always fits.
_CURES = (
    ("the certificate is for another name; check `host`", "Common Name", "mismatch"),
    ("the certificate has expired, or the board's clock is wrong", "expired"),
    ("the certificate is not valid yet, or the board's clock is wrong", "future", "not yet"),
    (
        "the certificate is not signed by the CA in `ca`",
        "not correctly signed",
        "self-signed",
        "local issuer",
    ),
    ("the certificate could not be verified; check `ca`, `host` and the clock", "VERIFY"),
)


# What is wrong when the server ends a handshake, by how far it went.
_SAID_NO = (
    "no TLS version or cipher suite that this board has as well, or no such `host` there",
    "the server may ask for a client certificate: `cert`",
    "is `cert` in date, its CA registered there, `key` its own, and does the policy take it?",
)
_NO_VERSION_OR_SUITE = (-28288, -28160)  # BAD_PROTOCOL_VERSION, HANDSHAKE_FAILURE


def explain(error, host, feed, cert=None):
    """Makes a Refused or a Lost of what a handshake has raised.

    Args:
        error: what `wrap_socket` raised.
        host: str, the server.
        feed: its stream, with `error` and, where it counts them, `writes`.
        cert: str, the file of the board's own certificate, None without one.
    """
    if feed.error:
        return Lost("TLS handshake with {}: {}".format(host, feed.error))
    text = str(error)
    for cure in _CURES:
        for sign in cure[1:]:
            if sign in text:
                return Untrusted("TLS: {}: {}".format(host, cure[0]))
    code = error.args[0] if error.args else None
    if code == _ALERT or code in _NO_VERSION_OR_SUITE:
        early = code != _ALERT or feed.writes < 2
        return Refused(
            "TLS: {} refuses: {}".format(host, _SAID_NO[0 if early else 1 if cert is None else 2])
        )
    return Lost("TLS handshake with {} failed: {}".format(host, text))
