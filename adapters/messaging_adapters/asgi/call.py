"""One call of a route: what the handlers of all routes work with."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from attrs import field, frozen

from messaging_adapters.asgi.health_readings import HealthReadings
from messaging_adapters.asgi.parameters import Pairs
from messaging_adapters.asgi.problems import NOT_FOUND, ProblemError
from messaging_adapters.asgi.saga import Saga
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import UnknownChannelError
from messaging_core.models.common.channel import Channel
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.worker import Worker

_JSON = {"content-type": "application/json"}


@frozen(kw_only=True)
class Service:
    """What the calls of all routes work with.

    Attributes:
        messenger: Does the work.
        worker: Tries to deliver notifications before they are answered.
        within: How long it may take for that.
        saga: How commands of a Flow Manager become notifications.
        uploads: Lets callers upload media.
        health: Tells whether messages are delivered in time.
    """

    messenger: AsyncMessenger
    worker: Worker | None = None
    within: timedelta = timedelta(seconds=30)
    saga: Saga | None = None
    uploads: Uploads | None = None
    health: HealthReadings


@frozen(kw_only=True)
class Call:
    """One request for a route, from a caller who may make it.

    Attributes:
        service: What all calls work with.
        request: As it came.
        path: The parts of the path that are in braces in the route, by name.
        workspace: The tenant of the caller.
        is_allowed: The caller has an access key that allows this; false only where a route is open
            to callers without one.
    """

    service: Service
    request: HttpRequest
    path: Mapping[str, str]
    workspace: UUID = field(repr=False)
    is_allowed: bool = True

    @property
    def messenger(self) -> AsyncMessenger:
        """Return what does the work."""
        return self.service.messenger

    @property
    def query(self) -> Pairs:
        """Return the query parameters."""
        return parse_qsl(self.request.url.partition("?")[2], keep_blank_values=True)

    @property
    def idempotency_key(self) -> str | None:
        """Return the `Idempotency-Key` of the request."""
        return self.request.headers.get("idempotency-key")

    def id(self, name: str) -> UUID:
        """Return a part of the path that is an id; text that is none names nothing.

        Raises:
            ProblemError: It is no UUID.
        """
        text = self.path[name]
        try:
            value = UUID(text)
        except ValueError:
            raise ProblemError(NOT_FOUND) from None
        if str(value) != text.lower():  # UUID takes braces and prefixes too
            raise ProblemError(NOT_FOUND)
        return value

    def channel(self) -> Channel:
        """Return the channel that the path names by its id.

        Raises:
            UnknownChannelError: The caller's workspace has no such channel.
        """
        channel = self.messenger.messenger.channel(self.id("channelId"))
        if channel.workspace != self.workspace:
            raise UnknownChannelError(str(channel.id))
        return channel


def answer(values: Any, status: int = 200) -> HttpResponse:
    """Return an answer with a body of JSON values."""
    return answer_json(orjson.dumps(values), status)


def answer_json(body: bytes, status: int = 200) -> HttpResponse:
    """Return an answer whose body is JSON already."""
    return HttpResponse(status=status, headers=_JSON, body=body)


NO_CONTENT = HttpResponse(status=204)
