"""What a mail server is asked to report, where it offers DSN (RFC 3461)."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen

_PLAIN: Final = re.compile(r"[^!-*,-<>-~]")  # what xtext writes as +XX (RFC 3461 §4)
_UNICODE: Final = re.compile(r"[^!-*,-<>-\[\]-~]")  # what RFC 6533 §3 writes as \x{XX}
_LONGEST_RECIPIENT: Final = 500  # RFC 3461 §4.2


class Notify(StrEnum):
    """Say when a server reports on a mail that it took."""

    SUCCESS = "success"
    FAILURE = "failure"
    DELAY = "delay"
    NEVER = "never"


class Returned(StrEnum):
    """Say how much of the mail a report of a failure gives back."""

    HEADERS = "headers"
    FULL = "full"


@frozen(kw_only=True)
class ReportRequest:
    """The parameters of MAIL and RCPT that ask for reports; none where `notify` is empty."""

    notify: tuple[Notify, ...]
    returned: Returned

    def of_mail(self, envelope_id: str) -> str:
        """Return the parameters of MAIL: what comes back, and the id that reports repeat."""
        if not self.notify:
            return ""
        size = "HDRS" if self.returned is Returned.HEADERS else "FULL"
        return f" RET={size} ENVID={_xtext(envelope_id)}"

    def of_recipient(self, address: str) -> str:
        """Return the parameters of RCPT.

        Args:
            address: As in the envelope, so that a report names the receiver as we do.
        """
        if not self.notify:
            return ""
        original = _original(address)
        named = f" ORCPT={original}" if len(original) <= _LONGEST_RECIPIENT else ""
        return f" NOTIFY={','.join(word.upper() for word in self.notify)}{named}"


def report_request(notify: Iterable[str], returned: Returned) -> ReportRequest:
    """Return what to ask for.

    Raises:
        ConfigurationError: `never` stands beside other words (RFC 3461 §4.1).
    """
    words = tuple(dict.fromkeys(map(Notify, notify)))
    if Notify.NEVER in words and len(words) > 1:
        raise ConfigurationError('notify cannot ask for reports and for none: write notify="never"')
    return ReportRequest(notify=words, returned=returned)


def _original(address: str) -> str:
    if address.isascii():
        return f"rfc822;{_xtext(address)}"
    return "utf-8;" + _UNICODE.sub(lambda character: rf"\x{{{ord(character[0]):X}}}", address)


def _xtext(text: str) -> str:
    return _PLAIN.sub(lambda character: f"+{ord(character[0]):02X}", text)
