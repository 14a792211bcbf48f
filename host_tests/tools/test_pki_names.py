"""Are certificates called as Watson's "Configuring certificates" says?"""

import pytest

from tools.pki import names
from tools.ui import UserError

DOMAIN = "internetofthings.ibmcloud.com"


@pytest.mark.parametrize(("role", "name"), [("d", "d:devtype:devid"), ("g", "g:devtype:devid")])
def test_a_client_is_called_by_its_class_type_and_id(role, name):
    assert str(names.client(role, "devtype", "devid")) == name


def test_a_name_of_64_characters_is_a_common_name():
    assert len(names.client("d", "t" * 36, "i" * 25).common_name) == 64


def test_a_longer_name_is_no_common_name():
    assert names.client("d", "t" * 36, "i" * 26).common_name == ""


@pytest.mark.parametrize("part", ["", "a:b", "a b", "a/b", "a" * 37, "ä", "a\n"])
def test_a_part_that_watson_refuses_is_refused(part):
    with pytest.raises(UserError, match="is not 1 to 36 letters"):
        names.client("d", part, "id")
    with pytest.raises(UserError, match="is not 1 to 36 letters"):
        names.client("d", "type", part)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d:mtxpd0:devtype:devid", "Watson wants none: d:devtype:devid"),
        ("g:mtxpd0:router:g1", "Watson wants none: g:router:g1"),
        ("D:devtype:devid", "the letter is small: d:devtype:devid"),
        ("email:d:devtype:devid", "without email:"),
        ("d:devtype", "is not of the form d:TYPE:ID"),
        ("d:a:b:c:d", "is not of the form d:TYPE:ID"),
        ("d::devid", "1 to 36"),
        ("d:dev type:devid", "1 to 36"),
        ("d:devtype:" + "i" * 37, "1 to 36"),
    ],
)
def test_what_is_nearly_a_name_is_refused_with_what_to_mend(text, message):
    with pytest.raises(UserError, match=message):
        names.read_client(text)


@pytest.mark.parametrize("text", ["signet device CA", "www.example.com", "a:myapp", "", "x@y.z"])
def test_another_name_is_nobody(text):
    assert names.read_client(text) is None


def test_an_empty_id_is_any_device_of_the_type():
    assert names.read_client("d:devtype:") == names.ClientName("d", "devtype", "")


def test_the_server_of_an_org_is_called_as_in_the_document():
    assert names.server("mtxpd0") == "mtxpd0.messaging.internetofthings.ibmcloud.com"


def test_a_wildcard_is_for_custom_domains():
    assert names.wildcard("mywiotpcustomdomain.com") == "*.messaging.mywiotpcustomdomain.com"
    with pytest.raises(UserError, match="a wildcard is for custom domains only"):
        names.wildcard(DOMAIN.upper())


@pytest.mark.parametrize("domain", ["example", "a..b", "-a.b", "a b.c"])
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(UserError, match="the domain"):
        names.server("mtxpd0", domain)


def test_an_application_is_called_by_its_id():
    assert names.read_application("a:myapp") == "myapp"
    for text in ("a:", "a:x:y", "myapp", "d:myapp", "A:myapp"):
        assert names.read_application(text) is None


@pytest.mark.parametrize(
    "name",
    [
        f"mtxpd0.messaging.{DOMAIN}",
        f"MTXPD0.Messaging.{DOMAIN}",
        "mtxpd0.messaging.example.com",
        "*.messaging.example.com",
    ],
)
def test_a_server_of_the_org_is_taken(name):
    assert names.check_server(["other", name], "mtxpd0") == name


@pytest.mark.parametrize(
    "name",
    [
        f"other1.messaging.{DOMAIN}",
        f"mtxpd0.{DOMAIN}",
        DOMAIN,
        "mtxpd0.messaging.",
        "mtxpd0.messaging.com",
        "*.example.com",
        "*",
    ],
)
def test_a_server_of_another_org_is_refused(name):
    with pytest.raises(UserError, match=rf"org mtxpd0 needs mtxpd0\.messaging\.{DOMAIN}"):
        names.check_server([name], "mtxpd0")


def test_a_wildcard_under_the_platforms_domain_is_refused():
    with pytest.raises(UserError, match="a wildcard is for custom domains only"):
        names.check_server([f"*.messaging.{DOMAIN}"], "mtxpd0")


@pytest.mark.parametrize("org", ["", "a.b", "-a", "a b", "a*", "a" * 64])
def test_an_org_that_is_no_part_of_a_host_name_is_refused(org):
    with pytest.raises(UserError, match="the org"):
        names.server(org)
