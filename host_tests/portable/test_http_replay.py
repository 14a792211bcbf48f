"""Does every interpreter read HTTP replies as h11 reads them, whole, damaged and in pieces?

The replies and what h11 makes of them are made afresh for each run: host/generated.py.
"""

from binascii import unhexlify

import check
from check_http import misread

_WANTED = ("retry-after", "x-commandid", "content-type")  # WANTED of host/replies.py


def test_each_reply_is_read_as_h11_reads_it():
    compared = 0
    for text, cuts, outcome, status, headers, body, keep_alive in check.sample("http"):
        data = unhexlify(text)
        expected = (outcome, status, headers, unhexlify(body), keep_alive)
        wrong = misread(data, cuts, expected, _WANTED)
        assert wrong is None, "{} cut at {}: {}; h11: {}".format(data, cuts, wrong, expected)
        compared += 1
    assert compared == check.scaled(2000)
