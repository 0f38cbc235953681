"""Webhooks of every provider that signs them as Standard Webhooks says (standardwebhooks.com)."""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, evolve, field

from messaging_adapters.receipts.json_body import Document, document_of
from messaging_adapters.receipts.signatures import (
    check_age,
    is_signed,
    is_timestamp,
    secrets_of,
)
from messaging_core.arguments import a_text, checked_init, function, refuse, span
from messaging_core.errors import ForgedRequestError
from messaging_core.models.delivery.receipt import Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser

MAX_AGE: Final = timedelta(minutes=5)
"""Each attempt has a timestamp of its own; five minutes is the limit of the specification."""

ID: Final = "id"
"""The header of the id that a repeated request keeps, after the prefix."""

_TIMESTAMP: Final = "timestamp"
_SIGNATURE: Final = "signature"
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"
_MOST_SIGNATURES: Final = 20

Read = Callable[[Document, datetime], Sequence[Receipt]]
"""Takes the JSON object of a request, and the present; returns what it reports."""


def keys_of(value: Any, name: str) -> Any:
    """Allow a secret as the provider shows it, or several; return the bytes of each."""
    return tuple(_key(secret, name) for secret in secrets_of(value, name))


def _key(secret: str, name: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        remedy = f"copy it from the provider, with {_PREFIX} or without"
        raise refuse(name, f"base64, after {_PREFIX}", secret, remedy)
    return key


@checked_init(name=a_text, secret=keys_of, read=function, max_age=span(), header_prefix=a_text)
@define(eq=False, kw_only=True)
class StandardWebhooksReceipts(ReceiptParser):
    """Verify webhooks that are signed with a shared secret (`v1`), and let a function read them.

    A request is recognised by its `webhook-id`, which the provider keeps when it repeats it.

    Attributes:
        name: The name of the webhook.
        secret: The secret, `whsec_` and base64; several during a rotation.
        read: Takes the JSON object of a verified request, and the present, and returns what it
            reports. Where it raises `UnreadableRequestError` the request has no form; for any other
            error the provider repeats the request.
        max_age: How old the timestamp of a request may be.
        header_prefix: How the names of the signature's headers begin: `svix-` where a provider
            sends its webhooks through Svix.

    Raises:
        ConfigurationError: There is no secret, or it is not base64.
    """

    name: str
    secret: str | Iterable[str] = field(repr=False)
    read: Read = field(repr=False)
    max_age: timedelta = MAX_AGE
    header_prefix: str = "webhook-"
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        verify(request, self.secret, now=now, max_age=self.max_age, prefix=self.header_prefix)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        receipts = list(self.read(document_of(request.body), now))
        own = request.headers.get(self.header_prefix + ID, "")
        return [
            receipt if receipt.key else evolve(receipt, key=f"{own}:{place}")
            for place, receipt in enumerate(receipts)
        ]


def verify(
    request: HttpRequest, keys: Iterable[Any], *, now: datetime, max_age: timedelta, prefix: str
) -> None:
    """Check that one of the keys signed a request, not long ago.

    Args:
        request: As it came.
        keys: As `keys_of` returns them.
        now: The present.
        max_age: How old the timestamp may be.
        prefix: How the names of the headers begin.

    Raises:
        ForgedRequestError: It is not signed, or too old.
    """
    own, timestamp = (request.headers.get(prefix + name, "") for name in (ID, _TIMESTAMP))
    if not own or not is_timestamp(timestamp):
        raise ForgedRequestError("the id is missing, or the timestamp is no number")
    signed = f"{own}.{timestamp}.".encode("utf-8", "replace") + request.body
    expected = [_signature(key, signed) for key in keys]
    # The provider signs with the old secret and the new one while it rotates them.
    given = request.headers.get(prefix + _SIGNATURE, "").split(" ")[:_MOST_SIGNATURES]
    if not any(is_signed(signature, expected) for signature in given):
        raise ForgedRequestError("the signature is missing or wrong")
    check_age(int(timestamp), now, max_age)


def _signature(key: Any, signed: bytes) -> str:
    return _VERSION + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
