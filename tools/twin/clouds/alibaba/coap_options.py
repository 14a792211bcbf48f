"""Which options of a request does Alibaba's CoAP server understand, and is the request for it?

Source: Alibaba Cloud, "Establish communication over the CoAP protocol", for which there are
(option 61, in which the C SDK 3 sends its token, is not among them); RFC 7252, sections 5.4.1
(critical and elective), 5.4.3 (length), 5.4.5 (repeated), 5.7.2 and 5.10.2 (no proxy).
"""

import re
from dataclasses import replace

from tools.twin.clouds.coap_request import URI_PATH, Endpoint, Request

JSON, CBOR = 50, 60

# Option numbers: RFC 7252, section 5.10, and the document's own.
URI_HOST, URI_PORT, CONTENT_FORMAT, ACCEPT = 3, 7, 12, 17
PROXY_URI, PROXY_SCHEME = 35, 39
TOKEN, SEQ, MESSAGE_ID = 2088, 2089, 2090

# Shortest and longest value. The document gives no lengths for its own.
_LENGTHS = {
    URI_HOST: (1, 255),
    URI_PORT: (0, 2),
    URI_PATH: (0, 255),
    CONTENT_FORMAT: (0, 2),
    ACCEPT: (0, 2),
    PROXY_URI: (1, 1034),
    PROXY_SCHEME: (1, 255),
    TOKEN: (0, 65_804),
    SEQ: (0, 65_804),
}
_POST = 2
# Of a product, or of an instance.
_HOST = re.compile(
    r"(?:([a-z0-9-]+)\.coap\.cn-shanghai\.link|[a-z0-9-]+\.coap\.iothub)\.aliyuncs\.com",
    re.IGNORECASE | re.ASCII,
)
_PORTS = {False: 5682, True: 5684}


class RefusedError(Exception):
    """The request is answered with an error: its code, as "4.02"; the text says why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def understood(request: Request, endpoint: Endpoint) -> Request:
    """The request without the elective options that this server does not understand.

    An option is not understood when it is unknown, when its length cannot be, and when it was
    there before: of a token that is repeated the first counts, a second seq is an error.
    raises: RefusedError 4.02 for a critical one; 5.05, which is what a server that is no proxy
    answers, when the request is for another server.
    """
    kept: list[tuple[int, bytes]] = []
    for number, value in request.options:
        shortest, longest = _LENGTHS.get(number, (0, -1))
        again = number != URI_PATH and any(number == found for found, _ in kept)
        if shortest <= len(value) <= longest and not again:
            kept.append((number, value))
        elif number % 2:
            raise RefusedError("4.02", f"critical option {number} {_why(number, again)}")
    request = replace(request, options=kept)
    _check_server(request, endpoint)
    return request


def _why(number: int, again: bool) -> str:
    if again:
        return "is there more than once"
    return "has an impossible length" if number in _LENGTHS else "is unknown here"


def _check_server(request: Request, endpoint: Endpoint) -> None:
    for number, name in ((PROXY_URI, "Proxy-Uri"), (PROXY_SCHEME, "Proxy-Scheme")):
        if request.first(number) is not None:
            raise RefusedError("5.05", f"this is no proxy; leave out {name}")
    host = (request.first(URI_HOST) or endpoint.address.encode()).decode("utf-8", "replace")
    if host != endpoint.address and not _HOST.fullmatch(host):
        reason = f"Uri-Host is {host!r}; this is no proxy for other hosts"
        raise RefusedError("5.05", reason)
    port = request.uint(URI_PORT)
    if port not in (None, endpoint.port, _PORTS[endpoint.tls]):
        reason = f"Uri-Port is {port}, not {endpoint.port}; this is no proxy for other ports"
        raise RefusedError("5.05", reason)


def check_product(request: Request, product: str) -> None:
    """Whether Uri-Host, where it is a product's, is this one's. raises: RefusedError 4.03.

    The document has no code for it: the server is the right one, what is asked is forbidden.
    """
    found = _HOST.fullmatch((request.first(URI_HOST) or b"").decode("utf-8", "replace"))
    if found and found[1] and found[1].lower() != product.lower():
        reason = f"Uri-Host is that of product {found[1]!r}, the device is of {product!r}"
        raise RefusedError("4.03", reason)


def check_formats(request: Request) -> None:
    """Method, Content-Format and Accept. raises: RefusedError 4.05, 4.15 or 4.06."""
    if request.code != _POST:
        raise RefusedError("4.05", f"method 0.{request.code:02}; the only one is POST, 0.02")
    formats = f"the formats are {JSON} (JSON) and {CBOR} (CBOR)"
    form = request.uint(CONTENT_FORMAT)
    if form not in (JSON, CBOR):
        raise RefusedError("4.15", f"Content-Format is {form}; {formats}")
    accept = request.uint(ACCEPT)
    if accept not in (None, JSON, CBOR):
        raise RefusedError("4.06", f"Accept is {accept}; {formats}")
