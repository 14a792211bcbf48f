"""Does a board find out what time it is, and when an answer is no time?"""

import check
from signet.wire import http_date


def test_a_date_of_http_is_read_in_each_of_its_forms():
    # RFC 9110 section 5.6.7; the others by the standard library's calendar.timegm
    for text, unix_s in (
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Tue, 29 Feb 2028 23:59:59 GMT", 1_835_481_599),
        ("Thursday, 07-Feb-36 06:28:16 GMT", 2_085_978_496),
    ):
        check.equal(http_date.unix_s(text), unix_s, text)


def test_what_is_no_date_of_http_is_a_value_error():
    for text in (
        "",
        "120",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 ovN 1994 08:49:37 GMT",
        "Sun, 06 Nov x 08:49:37 GMT",
    ):
        check.raises(ValueError, http_date.unix_s, text)
