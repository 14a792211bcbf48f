"""Is the signed content right?  The documents' examples, and the order of names."""

import check
from signet.sign import content


def test_the_documents_examples():
    for case in check.vectors("content")["cases"]:
        expected = case["content"].encode()
        check.equal(content.build(case["fields"], case["exclude"]), expected, case["name"])
        names = [name for name in case["fields"] if name not in case["exclude"]]
        check.equal((content.template(names) % case["fields"]).encode(), expected, case["name"])


def test_names_are_sorted_by_code_point():
    fields = {
        "b": "1",
        "B": "2",
        "a1": "3",
        "a": "4",
        "_": "5",
        "aB": "6",
        "é": "7",
        "日": "8",
        "": "9",
    }
    check.equal(content.build(fields), "9B2_5a4a13aB6b1é7日8".encode())


def test_integers_of_any_size_are_written_in_full():
    fields = {"t": 2524608000000, "n": -1, "z": 0, "x": 2**70}
    check.equal(content.build(fields), b"n-1t2524608000000x1180591620717411303424z0")


def test_a_value_that_prints_differently_by_board_is_refused():
    for value in (1.5, None, True, b"bytes", ["list"]):
        error = check.raises(TypeError, content.build, {"field": value})
        assert "field" in str(error)


def test_no_fields_are_no_content():
    check.equal(content.build({}), b"")
    check.equal(content.build({"sign": "x"}, ("sign",)), b"")
