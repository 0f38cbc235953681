"""Which mail addresses can be written into headers and SMTP commands, and how."""

import re
from typing import Final

# RFC 5322 §3.2.3 dot-atom, with what RFC 6532 §3.2 adds: anything beyond ASCII that is neither
# blank nor control. Quoted local parts are refused: hardly a server takes them, and they are how
# further SMTP commands are smuggled in.
_ATOM = r'[^\s\x00-\x20\x7f-\xa0\ud800-\udfff()<>\[\]:;@\\,".]+'
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
# RFC 5321 §4.1.2 and RFC 1035 §2.3.1: letters, digits and inner hyphens.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

# RFC 5321 §4.5.3.1, in octets.
_LOCAL_OCTETS: Final = 64
_ADDRESS_OCTETS: Final = 254


class AddressError(ValueError):
    """Report an address that no mail can be sent to or from."""


def wire_address(address: str) -> str:
    """Return an address as headers and SMTP commands carry it.

    The domain comes out in A-labels (IDNA 2008), so that only a local part beyond ASCII needs
    SMTPUTF8 (RFC 6531).

    Raises:
        AddressError: It is none; the text does not hold the address.
    """
    local, _, domain = address.rpartition("@")
    if not _LOCAL.fullmatch(local):
        raise AddressError("the part before the @ is not a dot-atom")
    wire = f"{local}@{_ascii_domain(domain)}"
    if len(local.encode()) > _LOCAL_OCTETS or len(wire.encode()) > _ADDRESS_OCTETS:
        raise AddressError("it is too long")
    return wire


def _ascii_domain(domain: str) -> str:
    if not domain.isascii():
        domain = _a_labels(domain)
    if not _DOMAIN.fullmatch(domain):
        raise AddressError("the part after the @ is not a domain")
    return domain


def _a_labels(domain: str) -> str:
    import idna  # noqa: PLC0415 - few domains need it

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise AddressError("the part after the @ is not a domain") from error
