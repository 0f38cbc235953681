"""Whether an address can be written to, and when two addresses are the same."""

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.rules.addressing.phone_patterns import recognise
from messaging_core.rules.addressing.phone_spelling import phone_key

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# E.164 §6.2.1: at most 15 digits. RFC 5321 §4.5.3.1: 64 octets, "@" and 255 octets.
_PHONE_LIMIT: Final = 16
_EMAIL_LIMIT: Final = 320
_PUSH_TOKEN_LIMIT: Final = 4096
_REASON_LIMIT: Final = 200
_CACHED: Final = 8192

_E164_SHAPE: Final = pattern(r"\+[0-9]+")
# What nearly every address looks like, and every library accepts, at a twentieth of its time.
_ORDINARY_EMAIL: Final = pattern(
    r"(?=.{1,64}@.{4,180}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:[A-Za-z0-9]{1,31}(?:-[A-Za-z0-9]{1,31})?\.){1,8}[A-Za-z]{2,20}"
)
_PUSH_TOKEN: Final = pattern(r"[!-~]+")
_SMS_SENDER: Final = pattern(
    r"\+[1-9][0-9]{6,14}"
    r"|[0-9]{3,8}"
    r"|(?=.*[A-Za-z])(?! )[A-Za-z0-9 \-_.&+]{1,11}(?<! )"
)

# Numbers in the ranges reserved for tests, samples and fiction. Their regulators never assign
# them, so the metadata calls them invalid; a test environment needs them.
_NEVER_ASSIGNED: Final = pattern(
    r"\+(?:"
    r"1555[0-9]{7}"  # area code 555 (North American Numbering Plan)
    r"|31600000[0-9]{3}"  # the sample numbers of the Bird documentation
    r"|44(?:7700900|1632960)[0-9]{3}"  # Ofcom, numbers for drama
    r")"
)


class _Phone(NamedTuple):
    """What is wrong with a number, by value, so that it can be kept; and where it belongs."""

    code: str = ""
    message: str = ""
    country: str | None = None


_NOT_E164: Final = _Phone(
    "receiver.not_e164",
    'not E.164: write "+", the country code and the number, digits only, as in +31612345678',
)
_TOO_LONG: Final = _Phone("receiver.number_too_long", "a phone number has at most 15 digits")


_NOT_ASSIGNED: Final = "receiver.number_not_assigned"


def check_phone_number(
    value: str, path: str, *, allow_unassigned: bool = False
) -> Violation | None:
    """Refuse a phone number that cannot be dialled, and say which rule it breaks.

    The shape is strict E.164 (ITU-T E.164 §6): "+" and at most 15 ASCII digits. The metadata of
    `phonenumbers` then decides, in this order: unknown country code, too short, too long, not a
    number of that country, and a national prefix left in (`+31 (0)6…`, code
    `receiver.not_e164`), because one receiver must not have two spellings.

    A number of a possible length that the metadata does not know is refused, with the code
    `receiver.number_not_assigned`: that is the only way to notice a missing digit where a country
    has numbers of several lengths. Numbers set aside for tests and fiction (+1 555…, Ofcom's
    07700 900…, the +31600000… of the samples) are accepted all the same; this list is our own
    choice. Metadata ages, and new ranges go into service before it knows them: keep
    `phonenumbers` up to date, or allow unassigned numbers.

    Args:
        value: The number.
        path: Where it stands in the request.
        allow_unassigned: Accept a number of a possible length that the metadata does not know.
    """
    phone = _phone(value)
    if allow_unassigned and phone.code == _NOT_ASSIGNED:
        return None
    return Violation(path, phone.code, phone.message) if phone.code else None


def country_of(value: str) -> str | None:
    """Return the country of an E.164 number as ISO 3166-1 alpha-2.

    `None` for what `check_phone_number` refuses, for a number of no country (such as +800), and
    where several countries share the code and none claims the number (+1 555…).
    """
    return _phone(value).country


def check_email_address(value: str, path: str) -> Violation | None:
    """Refuse what is not one bare email address (RFC 5321 `Mailbox`, RFC 6531, RFC 5890).

    Internationalised local parts and domains are accepted; display names, quoted local parts,
    address literals and control characters are not, nor is a domain without a dot. Special-use
    domains (RFC 6761: `.test`, `.invalid`, `localhost` …) are accepted, for tests. A local part
    over the 64 octets of RFC 5321 is accepted too, since such mailboxes exist. DNS is not asked.
    """
    if len(value) > _EMAIL_LIMIT:
        fault = f"an email address has at most {_EMAIL_LIMIT} characters"
    else:
        fault = _email_fault(value)
    return Violation(path, "receiver.invalid_email", fault) if fault else None


def normalize_email(value: str) -> str:
    """Return an address in one spelling: Unicode NFC, the domain in lower-case ASCII (IDNA 2008).

    The local part keeps its case, which belongs to the receiving host (RFC 5321 §2.4). An address
    that is not valid comes back as well normalised as it can be.
    """
    local, at, domain = unicodedata.normalize("NFC", value).rpartition("@")
    return f"{local}{at}{_ascii_domain(domain)}"


def address_key(kind: str, value: str) -> str:
    """Return what two spellings of one address have in common, for suppressions and look-ups.

    Args:
        kind: Identifier key: `emailaddress` ignores case and Unicode form, in the local part too
            (no provider of note tells them apart); `phonenumber` ignores spaces, punctuation and
            the two spellings of mobile numbers, see `phone_key`; any other kind is compared as it
            is.
        value: The address, valid or not.
    """
    if kind == "emailaddress":
        return _email_key(value) if len(value) <= _EMAIL_LIMIT else _email_key.__wrapped__(value)
    if kind == "phonenumber":
        return phone_key(value)
    return value


@lru_cache(maxsize=_CACHED)
def _email_key(value: str) -> str:
    key = normalize_email(value.strip()).casefold()
    return key if key.isascii() else unicodedata.normalize("NFC", key)


def check_push_token(value: str, path: str) -> Violation | None:
    """Refuse what is no push token: 1 to 4096 printable ASCII characters without spaces.

    No provider publishes a grammar, so this is our choice: APNs (hexadecimal), FCM and web push
    (an https URL) tokens all fit, and nothing that could break a header or a log line does.
    """
    if len(value) <= _PUSH_TOKEN_LIMIT and _PUSH_TOKEN.fullmatch(value):
        return None
    message = f"a push token is 1 to {_PUSH_TOKEN_LIMIT} printable ASCII characters without spaces"
    return Violation(path, "receiver.invalid_push_token", message)


def check_sms_sender(value: str, path: str) -> Violation | None:
    """Refuse what an SMS cannot come from.

    A sender is an E.164 number (checked for its shape only: it is ours, not typed by a customer),
    a short code of 3 to 8 digits, or at most 11 characters (3GPP TS 23.040 §9.1.2.5) of which one
    is a letter. Punctuation is limited to space and `-_.&+`, which networks are known to carry.
    """
    if len(value) <= _PHONE_LIMIT and _SMS_SENDER.fullmatch(value):
        return None
    message = (
        "a sender is an E.164 number, a short code of 3 to 8 digits, or at most 11 letters, "
        "digits, spaces and -_.&+ with at least one letter"
    )
    return Violation(path, "sender.invalid", message)


def _phone(value: str) -> _Phone:
    if len(value) <= _PHONE_LIMIT:
        return _look_up(value)
    # The cache must not keep what a stranger made long, nor need all of it be looked at.
    return _TOO_LONG if _E164_SHAPE.fullmatch(value[: _PHONE_LIMIT + 1]) else _NOT_E164


@lru_cache(maxsize=_CACHED)
def _look_up(value: str) -> _Phone:
    if not _E164_SHAPE.fullmatch(value):
        return _NOT_E164
    country = recognise(value)
    return _Phone(country=country) if country else _ask_library(value)


def _ask_library(value: str) -> _Phone:
    import phonenumbers  # noqa: PLC0415 - 33 ms that only a first number should cost

    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException as error:
        return _unparsed(error.error_type)
    region = phonenumbers.region_code_for_number(number)
    assigned = region is not None and phonenumbers.is_valid_number_for_region(number, region)
    if assigned or _NEVER_ASSIGNED.fullmatch(value):
        canonical = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return _Phone(country=_country(region)) if canonical == value else _with_prefix(number)
    return _unassigned(number)


def _unparsed(error_type: int) -> _Phone:
    from phonenumbers import NumberParseException  # noqa: PLC0415 - imported by now

    if error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return _Phone("receiver.unknown_country", "no country has this country code")
    return _Phone("receiver.number_too_short", "too short for a phone number")


def _unassigned(number: "PhoneNumber") -> _Phone:
    from phonenumbers import ValidationResult, is_possible_number_with_reason  # noqa: PLC0415

    reason = is_possible_number_with_reason(number)
    country = _name(number)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return _Phone("receiver.number_too_short", f"too short for a number of {country}")
    if reason == ValidationResult.TOO_LONG:
        return _Phone("receiver.number_too_long", f"too long for a number of {country}")
    if reason == ValidationResult.INVALID_LENGTH:
        return _Phone("receiver.not_a_number_of_country", f"not a number of {country}")
    return _Phone(_NOT_ASSIGNED, f"not a number of {country}, as far as its number plan is known")


def _with_prefix(number: "PhoneNumber") -> _Phone:
    name = _name(number)
    return _Phone("receiver.not_e164", f"not E.164: leave out the national prefix of {name}")


def _name(number: "PhoneNumber") -> str:
    from phonenumbers import region_code_for_country_code  # noqa: PLC0415 - imported by now

    code = f"+{number.country_code}"
    country = _country(region_code_for_country_code(number.country_code or 0))
    return f"{country} ({code})" if country else code


def _country(region: str | None) -> str | None:
    # "001" is how the metadata writes "the world".
    return None if region == "001" else region


@lru_cache(maxsize=_CACHED)
def _email_fault(value: str) -> str:
    """Return why an address is refused, on one line, or `""`."""
    if _ORDINARY_EMAIL.fullmatch(value):
        return ""
    return _email_fault_by_library(value)


def _email_fault_by_library(value: str) -> str:
    from email_validator import EmailNotValidError  # noqa: PLC0415 - heavy, and often not needed

    try:
        _validate(_with_ordinary_domain(value))
    except EmailNotValidError as error:
        return " ".join(str(error).split())[:_REASON_LIMIT]
    return ""


def _validate(value: str) -> Any:
    from email_validator import validate_email  # noqa: PLC0415 - heavy, and often not needed

    # Every option is given: the defaults are globals that the host may have changed.
    return validate_email(
        value,
        allow_smtputf8=True,
        allow_empty_local=False,
        allow_quoted_local=False,
        allow_domain_literal=False,
        allow_display_name=False,
        strict=False,
        check_deliverability=False,
        test_environment=False,
        globally_deliverable=True,
    )


def _with_ordinary_domain(value: str) -> str:
    """Replace a special-use domain, which the library always refuses, by one of equal length."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES  # noqa: PLC0415 - heavy

    lowered = value.lower()
    for name in SPECIAL_USE_DOMAIN_NAMES:
        if lowered.endswith((f"@{name}", f".{name}")):
            return value[: -len(name)] + ".co".rjust(len(name), "x")
    return value


def _ascii_domain(domain: str) -> str:
    if domain.isascii() or len(domain) > _EMAIL_LIMIT:
        return domain.lower()
    return _encode_domain(domain)


@lru_cache(maxsize=_CACHED)
def _encode_domain(domain: str) -> str:
    import idna  # noqa: PLC0415 - comes with email-validator, and is as heavy

    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except UnicodeError:
        return domain.lower()
