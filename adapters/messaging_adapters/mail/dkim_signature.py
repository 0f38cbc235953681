"""Sign mail with DKIM (RFC 6376), through the library dkimpy."""

import re
from typing import Final

from attrs import define, field

from messaging_core.errors import ConfigurationError, MissingDependencyError

try:
    import dkim
except ImportError as error:
    raise MissingDependencyError("dkimpy", "dkim") from error

_DOMAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_CANONICAL: Final = (dkim.Relaxed, dkim.Relaxed)  # survives what servers do to blanks and folds
_NOT_TO_BE_ADDED: Final = (b"from", b"to", b"cc", b"subject", b"date")  # RFC 6376 §8.15
_SAMPLE: Final = b"From: a@example.com\r\nSubject: a\r\nDate: a\r\n\r\na\r\n"


@define(eq=False, kw_only=True)
class DkimSigner:
    """Sign mail for a domain with an RSA key.

    The library computes in Python: a signature with a key of 2048 bits takes 10 to 40 ms.

    Args:
        domain: What signs (`d=`): the domain of the sender, or a domain above it.
        selector: Names the key: its public part is at `SELECTOR._domainkey.DOMAIN`.
        key: The text of a PEM file with an RSA key, without a password.

    Raises:
        ConfigurationError: Domain or selector is none, or it is no RSA key.
    """

    domain: str
    selector: str
    key: str = field(repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse what would sign nothing."""
        if not (_DOMAIN.fullmatch(self.domain) and _DOMAIN.fullmatch(self.selector)):
            raise ConfigurationError(
                "dkim_domain and dkim_selector must be such as shop.example and mail2026"
            )
        self.key = "\n".join(self.key.split("\r\n")).strip() + "\n"
        try:
            self.sign(_SAMPLE)
        except Exception:  # noqa: BLE001 - the library asserts what it expects of a key
            raise ConfigurationError(
                "dkim_key must be the text of a PEM file with an RSA key of at least 1024 bits:"
                ' read the file first (in a shell: "$(cat FILE)")'
            ) from None  # the cause may quote the key

    def sign(self, content: bytes) -> bytes:
        """Return a mail with a signature before its header; it covers every field that it may.

        Args:
            content: Header and body in lines of CRLF.
        """
        message = dkim.DKIM(content)
        signature: bytes = message.sign(
            self.selector.encode(),
            self.domain.encode(),
            self.key.encode(),
            canonicalize=_CANONICAL,
            include_headers=[*message.all_sign_headers(), *_NOT_TO_BE_ADDED],
        )
        return signature + content
