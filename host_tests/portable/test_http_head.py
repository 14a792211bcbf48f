"""Does wire/http.py write a request's head as RFC 9112 and RFC 3986 say, and nothing into it?"""

import check
from signet.wire.http import head, quote


def test_a_head_is_written_as_rfc_9112_says():
    check.equal(  # 3.2.1
        head("GET", "/where?q=now", "www.example.org", (), 0),
        b"GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 0\r\n\r\n",
    )
    check.equal(
        head("POST", "/a", "[::1]:8080", [("password", "a b c"), ("X", "")], 3),
        b"POST /a HTTP/1.1\r\nHost: [::1]:8080\r\npassword: a b c\r\nX: \r\n"
        b"Content-Length: 3\r\n\r\n",
    )


def test_what_could_split_a_head_is_a_value_error_that_names_the_part():
    for bad in ("\r", "\n", "\0", "\t", "\x0b", "\x7f", "\x85", "\u010a", "\u560a", " "):
        for method, path, host in (
            ("PO" + bad + "ST", "/", "h"),
            ("POST", "/SECRET" + bad, "h"),
            ("POST", "/", "h" + bad),
        ):
            error = str(check.raises(ValueError, head, method, path, host, (), 0))
            assert "method, path or host" in error and "SECRET" not in error, error
        check.raises(ValueError, head, "POST", "/", "h", (("pass" + bad + "word", "x"),), 0)
        if bad != " ":
            for value in ("SECRET" + bad, bad, bad + "SECRET", "SEC" + bad + "RET"):
                headers = (("Accept", "a"), ("password", value))
                error = str(check.raises(ValueError, head, "POST", "/", "h", headers, 0))
                assert "header password" in error and "SECRET" not in error, error


def test_quote_leaves_what_rfc_3986_allows_in_a_path():
    # pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
    plain = "ABCXYZabcxyz0189-._~!$&'()*+,;=:@/"
    check.equal(quote(plain), plain)
    check.equal(quote(' "#%<>?[\\]^`{|}'), "%20%22%23%25%3C%3E%3F%5B%5C%5D%5E%60%7B%7C%7D")
    check.equal(quote("\0\r\n\x7f"), "%00%0D%0A%7F")
    check.equal(quote("\xc0"), "%C3%80")  # 2.5
    check.equal(quote("\u30a2"), "%E3%82%A2")
    check.equal(quote(""), "")
