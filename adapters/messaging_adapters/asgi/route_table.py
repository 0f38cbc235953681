"""Every route: its path, what it does, who may call it, and what goes in and out."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from attrs import evolve, frozen

from messaging_adapters.asgi.access import Action
from messaging_adapters.asgi.call import Call
from messaging_adapters.asgi.problems import answer_problem
from messaging_adapters.asgi.routes import (
    batches,
    callbacks,
    channels,
    figures,
    health,
    media,
    messages,
    notifications,
    subscriptions,
)
from messaging_adapters.uploads.presigned import PresignedUpload
from messaging_core.models.common.page import Page
from messaging_core.models.delivery.interaction import Conversion, Interaction
from messaging_core.models.delivery.webhook import NewWebhookSubscription
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.notification import Notification, NotificationReport
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.request import SendMessage
from messaging_core.notifications.service import LIMITS
from messaging_core.ports.http import HttpResponse
from messaging_core.rules.links.pixels import PIXEL_PATH
from messaging_core.rules.requests.message import MAX_BATCH

Handler = Callable[[Call], Awaitable[HttpResponse]]


@frozen(kw_only=True)
class Route:
    """One route.

    Attributes:
        path: With the names of its variable parts in braces.
        action: What a policy of the caller must allow; none where no access key is needed.
        status: Of the answer when all is well.
        result: The class of the document in that answer, if it has one.
        body: The class of the document in the request, if it has one.
        query: The class that holds the query parameters, if there are any.
        without: Fields of that class that are no parameters here.
        documents: How many requests the body may hold, each as large as the messenger allows;
            none where the sender is a provider, whose bodies have a limit of their own.
        max_bytes: How large the body may be, whatever a messenger allows for requests.
        answer_problem: Makes the answer for an error.
        needs_uploads: There is this route only where callers may upload media.
        may_redirect: The answer may be 302 too.
        is_open: No access key is needed, but with one that may view the path the answer says more.
        unwell: The status of an answer with the same document as when all is well.
    """

    method: str
    path: str
    handler: Handler
    action: Action | None
    status: int = 200
    result: Any = None
    body: Any = None
    query: Any = None
    without: tuple[str, ...] = ()
    documents: int | None = 1
    max_bytes: int | None = None
    answer_problem: Callable[[Exception], HttpResponse] = answer_problem
    needs_uploads: bool = False
    may_redirect: bool = False
    is_open: bool = False
    unwell: int | None = None


SHORT_LINK: Final = "/{code}"
"""The path of the links in messages, whose domain points at the application."""

_NO_CONTENT_BYTES: Final = 16 * 1024
"""The most bytes of a body that says nothing, from a caller without an access key."""

_WORKSPACE: Final = "/workspaces/{workspaceId}"
_CHANNEL: Final = f"{_WORKSPACE}/channels/{{channelId}}"
_MESSAGES: Final = f"{_CHANNEL}/messages"
_MESSAGE: Final = f"{_MESSAGES}/{{messageId}}"
_BATCHES: Final = f"{_CHANNEL}/batch/messages"
_SUBSCRIPTIONS: Final = f"/organizations/{{organizationId}}{_WORKSPACE}/webhook-subscriptions"
_SUBSCRIPTION: Final = f"{_SUBSCRIPTIONS}/{{subscriptionId}}"


def _view(path: str, handler: Handler, result: Any, **more: Any) -> Route:
    return Route(
        method="GET", path=path, handler=handler, action=Action.VIEW, result=result, **more
    )


def _create(path: str, handler: Handler, body: Any, result: Any, status: int, **more: Any) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=handler,
        action=Action.CREATE,
        status=status,
        body=body,
        result=result,
        **more,
    )


def _health(method: str) -> Route:
    return Route(
        method=method,
        path="/health",
        handler=health.get_health,
        action=None,
        result=health.ShownHealth,
        max_bytes=_NO_CONTENT_BYTES,
        is_open=True,
        unwell=health.UNWELL,
    )


def _follow(path: str) -> tuple[Route, Route]:
    get = Route(
        method="GET",
        path=path,
        handler=callbacks.follow_link,
        action=None,
        status=302,
        max_bytes=_NO_CONTENT_BYTES,
    )
    return get, evolve(get, method="HEAD")


def _pixel(path: str) -> tuple[Route, Route]:
    get = Route(
        method="GET",
        path=path,
        handler=callbacks.load_pixel,
        action=None,
        max_bytes=_NO_CONTENT_BYTES,
    )
    return get, evolve(get, method="HEAD")


ROUTES: Final = (
    _view(
        f"{_WORKSPACE}/channels",
        channels.list_channels,
        Page[channels.ShownChannel],
        query=channels.ChannelsQuery,
    ),
    # Before `{channelId}`: the first path that fits is taken.
    _view(
        f"{_WORKSPACE}/channels/messages",
        messages.list_by_workspace,
        Page[Message],
        query=MessageQuery,
        without=messages.ONLY_BY_CHANNEL,
    ),
    _view(
        f"{_WORKSPACE}/channels/messages/counts",
        figures.count_by_workspace,
        figures.ShownCounts,
        query=figures.CountsQuery,
        without=figures.NO_PAGES,
    ),
    _view(
        f"{_WORKSPACE}/channels/messages/rollups",
        figures.rollups_by_workspace,
        figures.ShownRollups,
        query=figures.RollupsQuery,
    ),
    # Before `{messageId}`, for the same reason.
    _view(
        f"{_MESSAGES}/counts",
        figures.count_by_channel,
        figures.ShownCounts,
        query=figures.CountsQuery,
        without=(*figures.NO_PAGES, "channelId"),
    ),
    _view(
        f"{_MESSAGES}/rollups",
        figures.rollups_by_channel,
        figures.ShownRollups,
        query=figures.RollupsQuery,
    ),
    _view(
        f"{_WORKSPACE}/tags",
        figures.list_tags,
        Page[figures.ShownTag],
        query=figures.TagsQuery,
    ),
    _view(f"{_WORKSPACE}/tags/{{tag}}", figures.get_tag, figures.ShownTag),
    _view(f"{_WORKSPACE}/campaigns/{{tag}}", figures.get_campaign, figures.ShownCampaign),
    _view(_CHANNEL, channels.get_channel, channels.ShownChannel),
    _create(_MESSAGES, messages.send, SendMessage, Message, 202),
    _view(
        _MESSAGES,
        messages.list_by_channel,
        Page[Message],
        query=MessageQuery,
        without=("channelId",),
    ),
    _view(_MESSAGE, messages.get, Message),
    Route(
        method="PATCH",
        path=_MESSAGE,
        handler=messages.reschedule,
        action=Action.UPDATE,
        body=messages.Reschedule,
        result=Message,
    ),
    Route(
        method="DELETE", path=_MESSAGE, handler=messages.cancel, action=Action.DELETE, status=204
    ),
    _view(f"{_MESSAGE}/interactions", messages.interactions, Page[Interaction]),
    _create(f"{_MESSAGE}/conversions", messages.report_conversion, Conversion, Interaction, 201),
    _create(
        _BATCHES,
        batches.send_batch,
        batches.BatchRequest,
        batches.AcceptedBatch,
        202,
        documents=MAX_BATCH,
    ),
    Route(
        method="DELETE",
        path=f"{_BATCHES}/{{batchId}}",
        handler=batches.cancel_batch,
        action=Action.DELETE,
        result=batches.CancelledBatch,
    ),
    *(
        _create(path, handler, media.UploadRequest, PresignedUpload, 200, needs_uploads=True)
        for path, handler in (
            (f"{_WORKSPACE}/channel-media/presigned-upload", media.presign_upload),
            (f"{_CHANNEL}/presigned-upload", media.presign_channel_upload),
        )
    ),
    _view(
        f"{_WORKSPACE}/messages/{{messageId}}/media/{{fileId}}",
        media.get_message_media,
        media.MediaLocation,
        query=media.MediaQuery,
        needs_uploads=True,
        may_redirect=True,
    ),
    _create(
        _SUBSCRIPTIONS,
        subscriptions.create_webhook_subscription,
        NewWebhookSubscription,
        subscriptions.ShownSubscription,
        201,
    ),
    _view(
        _SUBSCRIPTIONS,
        subscriptions.list_webhook_subscriptions,
        Page[subscriptions.ShownSubscription],
        query=subscriptions.SubscriptionsQuery,
    ),
    _view(
        _SUBSCRIPTION,
        subscriptions.get_webhook_subscription,
        subscriptions.ShownSubscription,
    ),
    Route(
        method="DELETE",
        path=_SUBSCRIPTION,
        handler=subscriptions.delete_webhook_subscription,
        action=Action.DELETE,
        status=204,
    ),
    _create(
        "/send",
        notifications.send_notification,
        Notification,
        NotificationReport,
        200,
        max_bytes=LIMITS.max_bytes,
        answer_problem=notifications.answer_mia_problem,
    ),
    _create(
        "/saga/send",
        notifications.send_by_saga,
        notifications.SagaCommand,
        None,
        200,
        answer_problem=notifications.answer_mia_problem,
    ),
    Route(
        method="POST",
        path="/webhooks/{provider}/{channel}",
        handler=callbacks.receive_webhook,
        action=None,
        documents=None,
    ),
    Route(
        method="GET",
        path="/unsubscribe/{channel}/{messageId}",
        handler=callbacks.ask_to_unsubscribe,
        action=None,
        max_bytes=_NO_CONTENT_BYTES,
    ),
    Route(
        method="POST",
        path="/unsubscribe/{channel}/{messageId}",
        handler=callbacks.unsubscribe,
        action=None,
        max_bytes=_NO_CONTENT_BYTES,
    ),
    _health("GET"),
    _health("HEAD"),
    *_follow("/l/{code}"),
    *_pixel(f"{PIXEL_PATH}{{code}}"),
    # Last: it fits every path of one segment. Messages have links of this form.
    *_follow(SHORT_LINK),
)
