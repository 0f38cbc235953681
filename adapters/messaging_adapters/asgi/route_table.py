"""Every route: its path, what it does, and who may call it."""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from messaging_adapters.asgi.access import Action
from messaging_adapters.asgi.call import Call
from messaging_adapters.asgi.routes import batches, callbacks, channels, messages
from messaging_core.ports.http import HttpResponse
from messaging_core.rules.requests.message import MAX_BATCH

Handler = Callable[[Call], Awaitable[HttpResponse]]


@frozen(kw_only=True)
class Route:
    """One route.

    Attributes:
        path: With the names of its variable parts in braces.
        action: What a policy of the caller must allow; none where no access key is needed.
        documents: How many requests the body may hold, each as large as the messenger allows;
            none where the sender is a provider, whose bodies have a limit of their own.
    """

    method: str
    path: str
    handler: Handler
    action: Action | None
    documents: int | None = 1


_WORKSPACE: Final = "/workspaces/{workspaceId}"
_CHANNEL: Final = f"{_WORKSPACE}/channels/{{channelId}}"
_MESSAGE: Final = f"{_CHANNEL}/messages/{{messageId}}"


def _view(path: str, handler: Handler) -> Route:
    return Route(method="GET", path=path, handler=handler, action=Action.VIEW)


def _create(path: str, handler: Handler, documents: int = 1) -> Route:
    return Route(
        method="POST", path=path, handler=handler, action=Action.CREATE, documents=documents
    )


ROUTES: Final = (
    _view(f"{_WORKSPACE}/channels", channels.list_channels),
    # Before `{channelId}`: the first path that fits is taken.
    _view(f"{_WORKSPACE}/channels/messages", messages.list_by_workspace),
    _view(_CHANNEL, channels.get_channel),
    _create(f"{_CHANNEL}/messages", messages.send),
    _view(f"{_CHANNEL}/messages", messages.list_by_channel),
    _view(_MESSAGE, messages.get),
    Route(method="PATCH", path=_MESSAGE, handler=messages.reschedule, action=Action.UPDATE),
    Route(method="DELETE", path=_MESSAGE, handler=messages.cancel, action=Action.DELETE),
    _view(f"{_MESSAGE}/interactions", messages.interactions),
    _create(f"{_MESSAGE}/conversions", messages.report_conversion),
    _create(f"{_CHANNEL}/batch/messages", batches.send_batch, MAX_BATCH),
    Route(
        method="DELETE",
        path=f"{_CHANNEL}/batch/messages/{{batchId}}",
        handler=batches.cancel_batch,
        action=Action.DELETE,
    ),
    Route(
        method="POST",
        path="/webhooks/{provider}/{channel}",
        handler=callbacks.receive_webhook,
        action=None,
        documents=None,
    ),
    Route(method="GET", path="/l/{code}", handler=callbacks.follow_link, action=None),
    Route(method="HEAD", path="/l/{code}", handler=callbacks.follow_link, action=None),
)
