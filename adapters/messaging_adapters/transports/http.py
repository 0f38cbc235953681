"""Providers that take a message as one HTTP request."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar, Final, Protocol, Self

from messaging_adapters._extras import needing
from messaging_adapters.mail.attachments import with_files
from messaging_adapters.mail.failures import UnsendableError, outcome_of
from messaging_adapters.providers.answers import (
    check_of_answer,
    check_of_error,
    outcome_of_error,
)
from messaging_core.arguments import checked, optional, part, span
from messaging_core.errors import HttpError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Outcome, SingleOutcome
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import A_MEDIA_SOURCE, a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaSource
from messaging_core.ports.transport import Handoff, Transport
from messaging_core.rules.content.capabilities import check_capabilities

A_CODEC: Final = part(
    "a codec", "request", "outcome", remedy="write a class of Codec, and pass an object of it"
)
AN_HTTP_CLIENT: Final = optional(
    part("an HTTP client", "send", remedy="write client=Urllib3Client(), or leave it out")
)
"""Checks the argument `client` of a transport."""

TIMEOUT: Final = timedelta(seconds=30)
"""For a whole exchange: a shorter one leaves more messages in doubt."""


class Codec(Protocol):
    """Translate messages into requests of one provider, and its answers into outcomes.

    It does no input or output and keeps nothing between two calls; one object serves many threads.
    Time is an argument. The status of an answer decides before its body: gateways answer with
    HTML, or with nothing. Neither `repr` nor an outcome shows a secret, content or an address.

    Attributes:
        name: As in failures, timelines and logs.
        capabilities: What the provider can do.
        largest_files: The most bytes that attachments may have together. The transport reads them:
            in `request` each one holds its bytes, as base64, and its type. With `None` they come
            as in the message, for a provider that fetches URLs itself or takes no files.
    """

    name: str
    capabilities: Capabilities
    largest_files: ClassVar[int | None] = None

    @abstractmethod
    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        """Return the request that hands a message over, or the outcome of one that cannot go.

        An option that the provider cannot express is an error; nothing is left out. The remaining
        validity is passed on where the provider takes one.

        Args:
            envelope: Within `capabilities` and `largest_files`: the transport has checked that.
            now: The present.
        """

    @abstractmethod
    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        """Return what a complete answer means, whatever its status.

        The body is empty where only the status of an answer could be read.
        """

    def references(self, envelope: Envelope) -> Sequence[str]:
        """Return what the provider will call a message, where that is known beforehand."""
        del envelope
        return ()

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        """Return a request that needs the credentials and sends nothing, if there is one."""
        del now
        return None

    def is_known(self, response: HttpResponse) -> bool:
        """Return whether the answer to such a request shows that the credentials are known."""
        return response.is_ok

    def look_up_request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | None:
        """Return a request that asks about a message in doubt, if the provider can tell."""
        del envelope, now
        return None

    def looked_up(self, response: HttpResponse, envelope: Envelope) -> Outcome | None:
        """Return what a successful answer to such a request tells, as `SupportsLookUp` does."""
        del response, envelope
        return None


class HttpTransport(Transport):
    """Run a codec over an HTTP client.

    The point of no return is the first byte of the body: the connection stands before it. What
    fails before was not sent. What fails after it is in doubt, unless the status of an answer
    decides. A request is never repeated. Attachments are read before it.

    Use it as a context manager, or call `close`, to hang up.

    Args:
        codec: Of the provider.
        client: By default a `Urllib3Client` of its own, which needs the extra `http`. A client
            that several transports share is closed by the host.
        timeout: For the whole exchange, unless a client is given.
        clock: Tells the time.
        media: Where attachments come from that are named by URL, for a codec that needs bytes.
    """

    @checked(
        codec=A_CODEC,
        client=AN_HTTP_CLIENT,
        timeout=span(),
        clock=optional(a_clock),
        media=optional(A_MEDIA_SOURCE),
    )
    def __init__(
        self,
        codec: Codec,
        *,
        client: HttpClient | None = None,
        timeout: timedelta = TIMEOUT,
        clock: Clock | None = None,
        media: MediaSource | None = None,
    ) -> None:
        self.name = codec.name
        self.capabilities = codec.capabilities
        self._codec = codec
        self._time = clock or SystemClock()
        self._media = media
        self._close: Callable[[], None] | None = None
        self._http = client or self._own_client(timeout)

    @property
    def _extra(self) -> str:
        """The extra that brings every package of the transport."""
        return "http"

    def _own_client(self, timeout: timedelta) -> HttpClient:
        with needing(self._extra):
            from messaging_adapters.http_clients.urllib3_client import (  # noqa: PLC0415 - an extra
                Urllib3Client,
            )
        client = Urllib3Client(timeout=timeout)
        self._close = client.close
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, unless the client was given; a message that is under way is finished first."""
        if self._close is not None:
            self._close()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        try:
            carried = self._carried(envelope)
        except UnsendableError as error:
            return error.outcome
        now = self._time.now()  # after the attachments: a source may be slow
        request = self._codec.request(carried, now=now)
        if not isinstance(request, HttpRequest):
            return request
        mark = partial(handoff, references=tuple(self._codec.references(envelope)))
        try:
            response = self._http.send(request, before_body=mark)
        except HttpError as error:
            if error.status is None or HttpResponse(status=error.status).is_ok:
                return outcome_of_error(error, self.name)
            response = HttpResponse(status=error.status)
        return self._codec.outcome(response, envelope, now=now)

    def _carried(self, envelope: Envelope) -> Envelope:
        """Return a message that the codec can take, with the bytes of its attachments."""
        _check_capabilities(self._codec, envelope)
        limit = self._codec.largest_files
        return envelope if limit is None else with_files(envelope, self._media, limit)

    def check(self) -> TransportCheck:
        request = self._codec.check_request(now=self._time.now())
        if request is None:
            return TransportCheck(status=CheckStatus.UNKNOWN)
        try:
            response = self._http.send(request)
        except HttpError as error:
            return check_of_error(error, self.name)
        if self._codec.is_known(response):
            return TransportCheck(status=CheckStatus.OK)
        return check_of_answer(response, self.name)

    def look_up(self, envelope: Envelope) -> Outcome | None:
        request = self._codec.look_up_request(envelope, now=self._time.now())
        if request is None:
            return None
        try:
            response = self._http.send(request)
        except HttpError:
            return None
        return self._codec.looked_up(response, envelope) if response.is_ok else None


class CodecTransport(HttpTransport, Codec):
    """A codec that runs itself: its own fields are what `HttpTransport` takes.

    A class below it calls `_run_itself` when its fields are set.
    """

    timeout: timedelta
    client: HttpClient | None
    clock: Clock | None
    media: MediaSource | None = None

    def _run_itself(self) -> None:
        HttpTransport.__init__(
            self,
            self,
            client=self.client,
            timeout=self.timeout,
            clock=self.clock,
            media=self.media,
        )


def refused(
    description: str,
    name: str,
    *,
    code: FailureCode = FailureCode.INVALID_CONTENT,
    retry: Retry = Retry.PERMANENT,
    rule: str = "",
) -> SingleOutcome:
    """Return the outcome of a message that cannot go as it is.

    Args:
        description: Why, without an address or content.
        name: Of the transport.
        code: The class of the failure.
        retry: With `CONFIGURATION` it waits until the set-up is corrected.
        rule: A word for it, for `Failure.source`.
    """
    failure = Failure(
        code=code,
        description=description,
        source=FailureSource(name=name, code=rule),
        retry=retry,
    )
    return outcome_of(failure)


def _check_capabilities(codec: Codec, envelope: Envelope) -> None:
    """Refuse a message that the provider cannot take as it is.

    Raises:
        UnsendableError: It cannot; carries the outcome.
    """
    capabilities, platform = codec.capabilities, envelope.channel.platform
    code = FailureCode.UNSUPPORTED_TYPE
    if capabilities.platforms is not None and platform not in capabilities.platforms:
        problem = f"it carries {', '.join(sorted(capabilities.platforms))}, not {platform}"
        raise UnsendableError(refused(problem, codec.name, code=code, rule="platform"))
    receivers = len(envelope.copies) or len(envelope.receivers)
    for violation in check_capabilities(envelope.content, receivers, capabilities, "/body"):
        problem = violation.message
        raise UnsendableError(refused(problem, codec.name, code=code, rule=violation.code))
