"""Which mail addresses can be written into headers and SMTP commands, and how."""

from messaging_core.rules.addressing.addresses import check_email_address, normalize_email


class AddressError(ValueError):
    """Report an address that no mail can be sent to or from."""


def wire_address(address: str) -> str:
    """Return an address as headers and SMTP commands carry it.

    What `send` accepts is what a mail can be sent to: one grammar decides both. The domain comes
    out in A-labels (IDNA 2008), so that only a local part beyond ASCII needs SMTPUTF8 (RFC 6531).

    Raises:
        AddressError: It is none; the text does not hold the address.
    """
    if check_email_address(address, "") is not None:
        raise AddressError("write it as name@example.com")
    return normalize_email(address)
