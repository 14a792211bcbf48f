"""Do hmac and content agree with CPython for any input?  Hypothesis searches for one where not."""

import hmac as standard

import check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from signet.sign import content, hmac, hmac_compat

INTERPRETERS = ("cpython",)

_names = some.sampled_from(("md5", "sha1", "sha256"))
_bytes = some.binary(max_size=300)
_text = some.text(some.characters(exclude_categories=("Cs",)), max_size=20)
_fields = some.dictionaries(_text, _text | some.integers(), max_size=8)
_often = settings(
    max_examples=check.scaled(100),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@_often
@given(_bytes, _bytes, _names)
def test_a_signer_agrees_with_the_standard_library(key, message, name):
    expected = standard.digest(key, message, name)
    assert hmac.Signer(key, name).digest(message) == expected


@_often
@given(_bytes, some.lists(_bytes, max_size=5), _names)
def test_parts_agree_with_the_standard_library(key, parts, name):
    mac = hmac_compat.new(key, digestmod=name)
    for part in parts:
        mac.update(part)
    assert mac.hexdigest() == standard.digest(key, b"".join(parts), name).hex()


@_often
@given(_bytes, _bytes)
def test_compare_digest_agrees_with_equality(a, b):
    assert hmac_compat.compare_digest(a, b) == (a == b)
    assert hmac_compat.compare_digest(a, a)


@_often
@given(_fields, some.sets(_text, max_size=3))
def test_content_is_the_sorted_names_each_followed_by_its_value(fields, exclude):
    kept = sorted(set(fields) - exclude, key=lambda name: [ord(character) for character in name])
    expected = "".join(name + str(fields[name]) for name in kept).encode()
    assert content.build(fields, exclude) == expected
