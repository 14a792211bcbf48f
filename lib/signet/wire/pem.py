"""What is in the blocks of a PEM file (RFC 7468), as DER?

Text between them, blank lines and CRLF do not matter.  Loaded when it is needed, and forgotten.
"""

from binascii import a2b_base64


def blocks(data, label):
    """Yields what each block holds whose label ends so, in DER; b"" for one that is broken.

    Args:
        data: bytes; what is DER already comes as it is.
        label: bytes, such as b"CERTIFICATE".
    """
    if data[:1] == b"\x30" and b"-----BEGIN " not in data:  # a text may begin with a 0
        yield data
        return
    end = 0
    while True:
        begin = data.find(b"-----BEGIN ", end)
        start = data.find(b"-----", begin + 11) + 5
        if begin < 0 or start < 5:
            return
        end = data.find(b"-----", start)
        if data[begin : start - 5].endswith(label):
            der = b""
            try:
                if data[end : end + 9] == b"-----END ":
                    der = a2b_base64(memoryview(data)[start:end])
            except ValueError:
                pass
            yield der
        if end < 0:
            return


def first(data, label):
    """Returns what the first block holds that is not broken, b"" without one; see `blocks`."""
    for der in blocks(data, label):
        if der:
            return der
    return b""
