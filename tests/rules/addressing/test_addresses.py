import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.addressing.addresses import (
    _ORDINARY_EMAIL,
    _email_fault_by_library,
    address_key,
    check_email_address,
    check_phone_number,
    check_push_token,
    check_sms_sender,
    country_of,
    normalize_email,
)

PATH = "/receiver/contacts/0/identifierValue"


@pytest.mark.parametrize(
    "number",
    [
        "+31612345678",
        "+31600000001",  # the number of the reference's own samples
        "+15005550006",  # Twilio's magic number
        "+12025550143",  # 555-01xx, fiction in any area code
        "+15555550100",
        "+15551234567",
        "+447700900123",  # Ofcom, drama
        "+441632960123",
        "+80012345678",
        "+390612345678",
        "+525512345678",
    ],
)
def test_a_number_that_exists_or_is_kept_for_tests_is_accepted(number: str) -> None:
    assert check_phone_number(number, PATH) is None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("", "receiver.not_e164"),
        ("+", "receiver.not_e164"),
        ("31612345678", "receiver.not_e164"),
        ("0031612345678", "receiver.not_e164"),
        ("0612345678", "receiver.not_e164"),
        ("+31 6 12345678", "receiver.not_e164"),
        ("+31612345678\n", "receiver.not_e164"),
        ("+316\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "receiver.not_e164"),
        ("\uff0b31612345678", "receiver.not_e164"),
        ("+1800FLOWERS", "receiver.not_e164"),
        ("tel:+31612345678", "receiver.not_e164"),
        ("+12025550143;ext=5", "receiver.not_e164"),
        ("+310612345678", "receiver.not_e164"),  # +31 (0)6
        ("+4407911123456", "receiver.not_e164"),
        ("+1", "receiver.number_too_short"),
        ("+12", "receiver.number_too_short"),
        ("+492", "receiver.number_too_short"),
        ("+4922", "receiver.number_too_short"),
        ("+3112", "receiver.number_too_short"),
        ("+1202555014", "receiver.number_too_short"),
        ("+120255501433", "receiver.number_too_long"),
        ("+441234567890123", "receiver.number_too_long"),
        ("+1234567890123456", "receiver.number_too_long"),
        ("+31612345678901234567890", "receiver.number_too_long"),
        ("+999123456789", "receiver.unknown_country"),
        ("+0612345678", "receiver.unknown_country"),
        ("+210123456789", "receiver.unknown_country"),
        ("+31000000000", "receiver.number_not_assigned"),
        ("+3161234567", "receiver.number_not_assigned"),  # a digit missing
        ("+31609999999", "receiver.number_not_assigned"),
        ("+10005550100", "receiver.number_not_assigned"),
        ("+6799999999999", "receiver.not_a_number_of_country"),  # a length Fiji does not use
    ],
)
def test_a_number_that_cannot_be_dialled_is_refused_with_the_reason(number: str, code: str) -> None:
    violation = check_phone_number(number, PATH)

    assert violation is not None
    assert (violation.path, violation.code) == (PATH, code)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("+3161234567", "not a number of NL (+31), as far as its number plan is known"),
        ("+10005550100", "not a number of US (+1), as far as its number plan is known"),
        ("+6799999999999", "not a number of FJ (+679)"),
        ("+3112", "too short for a number of NL (+31)"),
        ("+441234567890123", "too long for a number of GB (+44)"),
        ("+8001234567", "too short for a number of +800"),
        ("+310612345678", "not E.164: leave out the national prefix of NL (+31)"),
    ],
)
def test_the_reason_names_the_country(number: str, message: str) -> None:
    violation = check_phone_number(number, PATH)

    assert violation is not None
    assert violation.message == message


def test_a_reason_kept_for_one_place_does_not_name_it_in_another() -> None:
    first, second = (check_phone_number("+3112", path) for path in ("/a", "/b"))

    assert first is not None
    assert second is not None
    assert (first.path, second.path) == ("/a", "/b")


@given(st.one_of(st.text(), st.from_regex(r"\+[0-9]{0,18}", fullmatch=True)))
def test_any_text_is_judged_as_a_number_without_an_exception(value: str) -> None:
    violation = check_phone_number(value, PATH)

    assert violation is None or "\n" not in str(violation)
    assert violation is None or country_of(value) is None


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+31612345678", "NL"),
        ("+31600000001", "NL"),
        ("+14165550123", "CA"),
        ("+12423456789", "BS"),
        ("+77011234567", "KZ"),
        ("+15551234567", None),
        ("+80012345678", None),
        ("+3112", None),
        ("nonsense", None),
    ],
)
def test_a_number_tells_its_country(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com",
        "ada+tag@mail.example.co.uk",
        "o'hara@example.org",
        "дима@пример.рф",
        "用户@例子.广告",
        "user@bücher.example",
        "user@xn--bcher-kva.example",
        "a@mail.test",
        "a@MAIL.TEST",
        "a@test",
        "a@foo.invalid",
        "a@printer.local",
        "root@localhost",
        f"{'x' * 65}@example.com",
    ],
)
def test_an_address_that_mail_could_reach_is_accepted(address: str) -> None:
    assert check_email_address(address, PATH) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@gmail",
        "ada@@example.com",
        "a..b@example.com",
        ".a@example.com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@exa mple.com",
        "ada@example.com ",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\r\n@example.com",
        "ada\x00@example.com",
        "ada\u202e@example.com",
        "ada@example.com\u2028",
        "ada@example.com,eve@example.com",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        '"ada l"@example.com',
        "ada@[192.0.2.1]",
        "ada@xn--zzzzz99.example",
        "ada@\u0660\u0661\u0662.example",
        "\ud83d@example.com",
        "ada@\ud83d.test",
        f"{'x' * 250}@example.com",
        f"a@{'x' * 64}.com",
        f"a@{'x.' * 200}com",
    ],
)
def test_what_is_no_bare_address_is_refused_on_one_line(address: str) -> None:
    violation = check_email_address(address, PATH)

    assert violation is not None
    assert (violation.path, violation.code) == (PATH, "receiver.invalid_email")
    assert violation.message.isprintable()
    assert 0 < len(violation.message) <= 200


@given(
    st.one_of(
        st.text(max_size=400),
        st.text(alphabet=st.characters(exclude_categories=()), max_size=40).map("a@{}".format),
        st.emails(),
    )
)
def test_any_text_is_judged_as_an_address_without_an_exception(value: str) -> None:
    violation = check_email_address(value, PATH)

    assert violation is None or len(str(violation).splitlines()) == 1
    normalize_email(value)
    address_key("emailaddress", value)


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("Ada@Example.COM", "Ada@example.com"),
        ("cafe\u0301@example.com", "caf\xe9@example.com"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("a@faß.example", "a@xn--fa-hia.example"),
        ("a@bücher.test", "a@xn--bcher-kva.test"),
        ("Nonsense", "nonsense"),
        ("a@\u2028", "a@\u2028"),
    ],
)
def test_an_address_has_one_normal_spelling(address: str, normal: str) -> None:
    assert normalize_email(address) == normal
    assert normalize_email(normal) == normal


@pytest.mark.parametrize(
    ("kind", "first", "other"),
    [
        ("emailaddress", "Ada@Example.com", "ada@example.COM"),
        ("emailaddress", "ADA@bücher.example", " ada@xn--bcher-kva.example"),
        ("emailaddress", "Cafe\u0301@example.com", "CAFÉ@example.com"),
        ("phonenumber", "+31 (6) 12-34.56/78", "+31612345678"),
        ("phonenumber", "+31\xa0612345678", "+31612345678"),
    ],
)
def test_two_spellings_of_an_address_have_one_key(kind: str, first: str, other: str) -> None:
    assert address_key(kind, first) == address_key(kind, other)


def test_other_kinds_are_compared_as_they_are() -> None:
    assert address_key("pushtoken", "aBc -1") == "aBc -1"
    assert address_key("customerId", " Ada@Example.com") == " Ada@Example.com"


def test_plus_addresses_and_dots_make_another_mailbox() -> None:
    assert address_key("emailaddress", "a+b@example.com") != address_key(
        "emailaddress", "a@example.com"
    )


@pytest.mark.parametrize(
    "token",
    ["a", "f" * 64, "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1", "https://push.example/x?y=1"],
)
def test_printable_text_is_a_push_token(token: str) -> None:
    assert check_push_token(token, PATH) is None
    assert check_push_token(token.ljust(4096, "x"), PATH) is None


@pytest.mark.parametrize("token", ["", "a b", "a\n", "a\r\nX: y", "\x7f", "é", "x" * 4097])
def test_what_could_break_a_header_is_no_push_token(token: str) -> None:
    violation = check_push_token(token, PATH)

    assert violation is not None
    assert violation.code == "receiver.invalid_push_token"


@pytest.mark.parametrize(
    "sender",
    ["+31612345678", "123", "12345678", "ACME", "A", "Acme & Co.", "a-b_c+d", "1ACME"],
)
def test_a_number_a_short_code_or_a_name_sends_an_sms(sender: str) -> None:
    assert check_sms_sender(sender, "/sender") is None


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "12",
        "123456789",
        "+12",
        "+0123456789",
        "+1234567890123456",
        "+31612345678\n",
        "ACME\n",
        "ABCDEFGHIJKL",
        " ACME",
        "ACME ",
        "   ",
        "-.-",
        "Açme",
        "ACME<b>",
        "\u0661\u0662\u0663",
    ],
)
def test_anything_else_does_not(sender: str) -> None:
    violation = check_sms_sender(sender, "/sender")

    assert violation is not None
    assert (violation.path, violation.code) == ("/sender", "sender.invalid")


@pytest.mark.parametrize("value", ["+" + "1" * 10_000_000, "a@" + "b." * 5_000_000, "x" * 10**7])
def test_ten_megabytes_are_refused_at_once(value: str) -> None:
    started = time.process_time()
    checks = (check_phone_number, check_email_address, check_push_token, check_sms_sender)

    violations = [check(value, PATH) for check in checks]

    assert None not in violations
    assert time.process_time() - started < 0.1


def test_the_heavy_libraries_are_loaded_by_the_first_address_and_not_before() -> None:
    program = (
        "import sys, messaging_core.rules.addressing.addresses as a\n"
        "heavy = {'phonenumbers', 'email_validator', 'idna', 'dns'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "a.check_phone_number('+31612345678', '')\n"
        "a.check_email_address('a@example.com', '')\n"
        "assert 'dns' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own program


@given(
    st.from_regex(r"[A-Za-z0-9_+.-]{1,30}", fullmatch=True),
    st.from_regex(r"([A-Za-z0-9-]{1,10}\.){1,3}[A-Za-z]{2,6}", fullmatch=True),
)
def test_whatever_looks_ordinary_the_library_accepts_too(local: str, domain: str) -> None:
    address = f"{local}@{domain}"

    if _ORDINARY_EMAIL.fullmatch(address):
        assert _email_fault_by_library(address) == ""
