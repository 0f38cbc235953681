"""What reads the webhooks of a provider."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from messaging_core.models.delivery.receipt import IncomingMessage, Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse

MAX_SIZE: Final = 1 << 20
"""The most bytes of a request that reports what became of messages."""


class ReceiptParser(Protocol):
    """Verify and read the webhook requests of one provider account.

    One object serves many threads at once. It keeps nothing of a request, does no input or
    output, and does not change the request. Where a provider signs with a certificate, the parser
    may fetch that from the provider itself, and keep it. It takes the time as an argument. A parser
    without a secret to verify with refuses to be made. Neither `repr` nor an error shows a secret,
    content or an address.

    During a rotation a parser takes the old secret and the new one. It accepts a request by either.

    A provider repeats a request, and an attacker may replay one. A parser does not remember what it
    has seen: it gives the receipts of a repeated request the same `key`, and the inbox keeps each
    key once. A limit on the age of a request allows the time for which the provider retries.

    Attributes:
        name: The name of the webhook; a messenger has one parser of each name.
        answer: What the provider gets once the receipts of a request are kept.
        max_size: The most bytes of a body. A larger one is refused with 413 before `verify` sees
            it. A parser of incoming mail has a higher limit.
    """

    name: str
    answer: HttpResponse = HttpResponse(status=204)
    max_size: int = MAX_SIZE

    @abstractmethod
    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        """Return if the provider signed this request, and raise otherwise.

        The check covers the raw body, the headers and the public URL, as far as the provider signs
        them. Signatures are compared in constant time. A request is also refused when this returns
        anything: False, or a coroutine.

        Args:
            request: As it came; its URL is the public one, which the provider called.
            now: The present, for a limit on the age.

        Raises:
            ForgedRequestError: The signature is missing, malformed, wrong or too old.
            UnverifiedRequestError: What proves it could not be fetched; the provider repeats the
                request.
        """

    @abstractmethod
    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        """Return what a verified request reports.

        A status or an event that the parser does not know becomes a `StatusReceipt` without
        `status` that carries the provider's word. A request that reports nothing gives an empty
        list.

        Args:
            request: One that `verify` has accepted.
            now: The instant of a report that carries none.

        Raises:
            UnreadableRequestError: It is not a request of this provider's form, so that a
                repetition would be no better.
            ConfigurationError: The host has to correct its set-up first, for example name the
                channel of a number. The provider repeats the request meanwhile.
        """


@runtime_checkable
class SupportsFetch(Protocol):
    """A receipt parser of a provider that announces incoming messages, and lets fetch them.

    Its `parse` returns such a message with `is_announced`.
    """

    @abstractmethod
    def fetch(self, message: IncomingMessage) -> IncomingMessage:
        """Return an announced message with its content, or as it is if the provider lost it.

        A worker calls this outside of any transaction, and may call it again for the same message.
        The call may do input and output, changes nothing at the provider, and ends by itself.
        When it raises, the message waits in the inbox, and is tried again after growing pauses.

        Args:
            message: As `parse` returned it.

        Raises:
            HttpError: The provider cannot be asked now.
            MediaError: A file of the message is not available now.
        """
