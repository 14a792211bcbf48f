"""Does a CoapClient do what the ETSI CoAP test descriptions TD_COAP_BLOCK ask of a client?

One test for each description of cabo/td-coap4 block.yml, and some where one side wants smaller
blocks than the other. The server is aiocoap, and aiocoap reads the datagrams.
"""

from check import equal
from check_coap import (
    BLOCK1,
    BLOCK2,
    CHANGED,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    CONTINUE,
    CREATED,
    GET,
    LOCATION_PATH,
    POST,
    PUT,
    ask,
    begin,
    path,
    piggybacked,
    requests,
    seen,
    shown,
    values,
)
from signet.client.coap_blocks import download, transfer, upload
from signet.clock import Deadline

SERVERS = {"plugtest": ("coap", "plugtest")}

_BODY = b"".join([b"line %02d of what the client has\n" % line for line in range(9)])  # 288 bytes
_LARGE = b"".join([b"line %02d of a large resource\n" % line for line in range(12)])  # 336 bytes


def _options(where):
    options = list(path(where))
    options.append((CONTENT_FORMAT, b""))
    return options


def _block(each, number):
    """NUM, M and SZX of a block option (RFC 7959 section 2.2); None without one."""
    found = values(each, number)
    if not found:
        return None
    equal(len(found), 1)
    value = int.from_bytes(found[0], "big")
    return value >> 4, value >> 3 & 1, value & 7


def _retrieves(passed, exchange, blocks, szx, code=GET, where="large"):
    """Checks that the client asks for one block after the other, in the server's size.

    passed: how many exchanges there are in all. exchange: the one that asks for the first block.
    blocks: range of block numbers, up to the end of the resource.
    """
    for number in blocks:
        request, reply = _exchange(passed, exchange)
        exchange += 1
        more = int(number < blocks[-1])
        requests(request, CON, code, where)
        equal((_block(request, BLOCK2), request.payload), ((number, 0, szx), b""))
        piggybacked(reply, request, CONTENT if code == GET else CHANGED)
        equal(_block(reply, BLOCK2), (number, more, szx))
        assert not more or len(reply.payload) == 16 << szx


def _sends(passed, exchange, blocks, szx, code, where, answer):
    """Checks that the client sends `_BODY` block after block; returns the last reply."""
    for number in blocks:
        request, reply = _exchange(passed, exchange)
        exchange += 1
        more = int(number < blocks[-1])
        requests(request, CON, code, where)
        equal(values(request, CONTENT_FORMAT), [b""])
        equal(_block(request, BLOCK1), (number, more, szx))
        equal(request.payload, _BODY[number << szx + 4 : number + 1 << szx + 4])
        piggybacked(reply, request, CONTINUE if more else answer)
        equal(_block(reply, BLOCK1), (number, more, szx))
    return reply


def _exchange(passed, number):
    return seen(2 * passed, 2 * number, 2)


def _get_early(wanted, szx, blocks):
    whole = download(begin(), path("large"), Deadline(30000), wanted=wanted, early=True)
    equal(whole.payload, _LARGE)
    _retrieves(blocks, 0, range(blocks), szx)


def test_TD_COAP_BLOCK_01_get_early():
    _get_early(64, 2, 6)


def test_TD_COAP_BLOCK_01_get_early_where_the_server_wants_less():
    client = begin(szx=1)
    whole = download(client, path("large"), Deadline(30000), wanted=128, early=True)
    equal(whole.payload, _LARGE)
    request, reply = _exchange(11, 0)
    equal((_block(request, BLOCK2), _block(reply, BLOCK2)), ((0, 0, 3), (0, 1, 1)))
    _retrieves(11, 1, range(1, 11), 1)


def test_TD_COAP_BLOCK_02_get_late():
    whole = download(begin(), path("large"), Deadline(30000))
    equal(whole.payload, _LARGE)
    request, reply = _exchange(6, 0)
    requests(request, CON, GET, "large")
    equal(_block(request, BLOCK2), None)
    piggybacked(reply, request, CONTENT)
    equal((_block(reply, BLOCK2), len(reply.payload)), ((0, 1, 2), 64))
    _retrieves(6, 1, range(1, 6), 2)


def test_TD_COAP_BLOCK_02_get_late_where_the_client_wants_less():
    whole = download(begin(), path("large"), Deadline(30000), wanted=32)
    equal(whole.payload, _LARGE)
    request, reply = _exchange(10, 0)
    equal((_block(request, BLOCK2), _block(reply, BLOCK2)), (None, (0, 1, 2)))
    _retrieves(10, 1, range(2, 11), 1)


def test_TD_COAP_BLOCK_03_put():
    client = begin()
    answer = upload(client, PUT, _options("large-update"), _BODY, Deadline(30000), 64)
    shown(answer, _sends(5, 0, range(5), 2, PUT, "large-update", CHANGED))
    equal(download(client, path("large-update"), Deadline(30000)).payload, _BODY)


def test_TD_COAP_BLOCK_03_put_where_the_server_wants_less():
    client = begin(szx=0)
    answer = upload(client, PUT, _options("large-update"), _BODY, Deadline(30000), 64)
    request, reply = _exchange(15, 0)
    equal((_block(request, BLOCK1), _block(reply, BLOCK1)), ((0, 1, 2), (0, 1, 0)))
    equal(request.payload, _BODY[:64])
    shown(answer, _sends(15, 1, range(4, 18), 0, PUT, "large-update", CHANGED))
    equal(download(client, path("large-update"), Deadline(30000)).payload, _BODY)


def test_TD_COAP_BLOCK_04_post_that_creates():
    client = begin()
    answer = upload(client, POST, _options("large-create"), _BODY, Deadline(30000), 64)
    shown(answer, _sends(5, 0, range(5), 2, POST, "large-create", CREATED))
    place = values(answer, LOCATION_PATH)
    equal((len(place), place[0]), (2, b"large-create"))
    where = b"/".join(place).decode()
    equal(download(client, path(where), Deadline(30000)).payload, _BODY)


def test_TD_COAP_BLOCK_05_post_with_blocks_both_ways():
    options = _options("large-post")
    answer = transfer(begin(), POST, options, _BODY, Deadline(30000), size=64)
    equal((answer.code, answer.payload), (CHANGED, _BODY.upper()))
    equal(_block(_sends(9, 0, range(5), 2, POST, "large-post", CHANGED), BLOCK2), (0, 1, 2))
    _retrieves(9, 5, range(1, 5), 2, POST, "large-post")
    for number in range(5, 9):
        request, _ = _exchange(9, number)
        equal((_block(request, BLOCK1), values(request, CONTENT_FORMAT)), (None, [b""]))


def test_TD_COAP_BLOCK_06_get_early_in_16_bytes():
    _get_early(16, 0, 21)


def test_what_fits_into_one_block_has_no_block_option():
    client = begin()
    upload(client, PUT, path("test"), _BODY[:64], Deadline(30000), 64)
    equal(ask(client, GET, "test").code, CONTENT)
    assert not [1 for each in seen(4) if values(each, BLOCK1) or values(each, BLOCK2)]
