"""How is a large body sent or fetched, block by block (RFC 7959), over a CoapClient?

    answer = upload(client, coap.PUT, options, body, clock.Deadline(60_000), size=256)
    answer = download(client, options, clock.Deadline(60_000))        # answer.payload is whole
    answer = rest(client, options, notification, clock.Deadline(60_000))

All are `transfer`, which also repeats a request once that a 4.01 asks to (Echo, RFC 9175).
"""

from signet.wire import coap
from signet.wire.block import Transfer


def transfer(client, code, options, payload, deadline, **settings):
    """Asks, in as many blocks as it takes each way, and waits for the whole answer.

    Args:
        client: client.coap.CoapClient.
        code: int, a method code such as coap.POST.
        options: sequence of (number, value bytes), without block options.
        payload: bytes.
        deadline: clock.Deadline of the whole.
        settings: size, wanted, early and largest of wire.block.Transfer.
    Returns:
        Message, whatever its code.
    Raises:
        what CoapClient.ask and wire.block.Transfer.received raise.
    """
    return _run(client, code, Transfer(options, payload, **settings), deadline, None)


def _run(client, code, blocks, deadline, response):
    while response is None or not blocks.received(response):
        options, payload = blocks.request()
        response = client.ask(code, options, payload, deadline)
    return blocks.result


def upload(client, code, options, payload, deadline, size=512):
    """Sends a body in blocks of at most `size` bytes (16 to 1024 in powers of two)."""
    return transfer(client, code, options, payload, deadline, size=size)


def download(client, options, deadline, wanted=None, early=False, largest=4096):
    """Fetches with GET a body of at most `largest` bytes, in blocks of `wanted` bytes."""
    return transfer(
        client, coap.GET, options, b"", deadline, wanted=wanted, early=early, largest=largest
    )


def rest(client, options, first, deadline, largest=4096):
    """Fetches what follows a response or notification that came as the first block (3.4).

    Args:
        options: sequence of (number, value bytes) of the request, without Observe.
        first: Message; one that is not in blocks is returned as it is.
    """
    return _run(client, coap.GET, Transfer(options, largest=largest), deadline, first)
