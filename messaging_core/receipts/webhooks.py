"""Receive the webhook requests of providers: verify, parse and keep; a worker applies."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging_core.errors import (
    ConfigurationError,
    UnknownWebhookError,
    UnverifiedRequestError,
    WebhookError,
)
from messaging_core.host_code import HostCode, fault_of
from messaging_core.lazy import frozen, logger
from messaging_core.models.delivery.receipt import Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import MAX_SIZE, ReceiptParser
from messaging_core.receipts.inbox import ReceiptInbox
from messaging_core.wire.receipts import as_receipts

_log = logger(__name__)

_UNAUTHORIZED: Final = 401
_TOO_LARGE: Final = 413
_SERVER_ERROR: Final = 500
_UNAVAILABLE: Final = 503


class _RefusedError(Exception):
    """End the reception of a request with a status; the reason is logged already."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@frozen
class WebhookReceiver:
    """Answer webhook requests.

    Attributes:
        inbox: Keeps the receipts.
        parsers: By name.
    """

    inbox: ReceiptInbox
    parsers: Mapping[str, ReceiptParser]

    def receive(self, name: str, request: HttpRequest, *, workspace: UUID) -> HttpResponse:
        """Keep what a request reports, and return what to answer its sender."""
        parser = self.parsers.get(name)
        if parser is None:
            raise UnknownWebhookError(name, sorted(self.parsers))
        try:
            self._check_size(parser, request)
            self._verify(parser, request)
            receipts = self._parse(parser, request)
            self._keep(parser, receipts, workspace)
        except _RefusedError as error:
            # Without a reason: it would tell an attacker how far a forgery came.
            return HttpResponse(status=error.status)
        return parser.answer

    def max_size(self, name: str) -> int:
        """Return how many bytes a request to a parser may have; a mebibyte if there is none."""
        # A host's class may know nothing of it.
        return getattr(self.parsers.get(name), "max_size", MAX_SIZE)

    def _check_size(self, parser: ReceiptParser, request: HttpRequest) -> None:
        limit = self.max_size(parser.name)
        if len(request.body) > limit:
            text = "webhook %s: a request has %d bytes, more than the max_size of its parser, %d"
            _log.warning(text, parser.name, len(request.body), limit)
            raise _RefusedError(_TOO_LARGE)

    def _verify(self, parser: ReceiptParser, request: HttpRequest) -> None:
        try:
            with HostCode(f"the receipt parser {parser.name}"):
                verdict: object = parser.verify(request, now=self.inbox.context.clock.now())
        except UnverifiedRequestError as error:
            _log.error("webhook %s: a request cannot be verified for now: %s", parser.name, error)
            raise _RefusedError(error.status) from None
        except WebhookError as error:
            _log.warning("webhook %s: a request is not verified: %s", parser.name, error)
            raise _RefusedError(_UNAUTHORIZED) from None
        except Exception as error:  # noqa: BLE001 - answered, and logged
            _log.error("webhook %s: verification raised %s", parser.name, fault_of(error))
            raise _RefusedError(_UNAUTHORIZED) from None
        # A parser that answers False, or is asynchronous, would let every forgery pass.
        if verdict is not None:
            _log.error("webhook %s: verify must raise, or return None", parser.name)
            raise _RefusedError(_UNAUTHORIZED)

    def _parse(self, parser: ReceiptParser, request: HttpRequest) -> Sequence[Receipt]:
        try:
            with HostCode(f"the receipt parser {parser.name}"):
                return as_receipts(parser.parse(request, now=self.inbox.context.clock.now()))
        except WebhookError as error:
            _log.error("webhook %s: a request cannot be read: %s", parser.name, error)
            raise _RefusedError(error.status) from None
        except ConfigurationError as error:
            _log.error("webhook %s: %s", parser.name, error)
            raise _RefusedError(_SERVER_ERROR) from None
        except Exception as error:  # noqa: BLE001 - answered, and logged
            _log.error("webhook %s: parsing raised %s", parser.name, fault_of(error))
            raise _RefusedError(_SERVER_ERROR) from None

    def _keep(self, parser: ReceiptParser, receipts: Sequence[Receipt], workspace: UUID) -> None:
        if not receipts:
            return
        try:
            self.inbox.keep(receipts, workspace=workspace)
        except Exception as error:  # noqa: BLE001 - answered, and logged
            _log.error("webhook %s: receipts are not kept: %s", parser.name, fault_of(error))
            raise _RefusedError(_UNAVAILABLE) from None
