"""Any number of requests, a thousand in one transaction."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice, repeat
from typing import Any, Final, TypeVar, cast

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.submission import Request, Submission, request_of_row
from messaging_core.acceptance.telemetry import ACCEPTED, send_operation
from messaging_core.errors import ArgumentError, InvalidRequestError
from messaging_core.models.common.channel import Channel
from messaging_core.models.messages.message import Message
from messaging_core.models.policy.plan import Rejection

CHUNK = 1000
"""How many requests `send_many` keeps in one transaction."""

T = TypeVar("T")

_NO_KEY: Final = object()
_ALLOWED: Final = "as many keys as there are requests"
_REMEDY: Final = "give None for a request without a key"


def accept_many(
    acceptor: MessageAcceptor,
    channel: Channel,
    requests: Iterable[Request],
    *,
    keys: Iterable[str | None] | None,
    connection: Any,
) -> list[Message | Rejection]:
    """Accept any number of requests, chunk by chunk, and answer each of them in order."""
    return list(accept_each(acceptor, channel, requests, keys=keys, connection=connection))


def accept_each(
    acceptor: MessageAcceptor,
    channel: Channel,
    requests: Iterable[Request],
    *,
    keys: Iterable[str | None] | None,
    connection: Any = None,
) -> Iterator[Message | Rejection]:
    """Accept as `accept_many` does, and yield the answers of a chunk once it is committed."""
    index = 0
    for chunk in chunks(_keyed(requests, keys), CHUNK):
        with send_operation(acceptor.context, channel, len(chunk)) as done, gc_paused():
            trace = acceptor.context.telemetry.trace()
            submissions = [
                Submission(
                    channel=channel,
                    request=request_of_row(request),
                    idempotency_key=key,
                    trace=trace,
                )
                for request, key in chunk
            ]
            chunk_answers = acceptor.accept(submissions, connection=connection)
            done(ACCEPTED)
        for answer in chunk_answers:
            if isinstance(answer, InvalidRequestError):
                yield Rejection(index=index, violations=answer.violations)
            else:
                yield answer
            index += 1


@contextmanager
def gc_paused() -> Iterator[None]:
    """Keep the garbage collector from walking through what is only just being made.

    A thousand requests are a hundred thousand objects without a cycle among them: collecting
    frees nothing, and would take a third of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _keyed(
    requests: Iterable[Request], keys: Iterable[str | None] | None
) -> Iterable[tuple[Request, str | None]]:
    return zip(requests, repeat(None)) if keys is None else _paired(requests, iter(keys))


def _paired(
    requests: Iterable[Request], keys: Iterator[str | None]
) -> Iterator[tuple[Request, str | None]]:
    for request in requests:
        key = next(keys, _NO_KEY)
        if key is _NO_KEY:
            raise ArgumentError("idempotency_keys", _ALLOWED, "fewer", _REMEDY)
        yield request, cast("str | None", key)
    if next(keys, _NO_KEY) is not _NO_KEY:
        raise ArgumentError("idempotency_keys", _ALLOWED, "more", _REMEDY)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut anything that can be walked into lists of a size; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
