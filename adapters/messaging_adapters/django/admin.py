"""Pages of the admin: messages with their timeline, and a button that sends one again.

They read through the messenger. The permission *view* shows messages; *change* allows a replay.
"""

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from messaging_adapters.django.engine import messenger
from messaging_adapters.django.models import Message
from messaging_core.errors import MessagingError, UnknownMessageError
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status

_LIMIT: Final = 50
_FILTERS: Final = ("status", "channel_id", "receiver")


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    """Lists and shows messages; nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's
        """Messages are sent by code."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Retention deletes them."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Serve the list, a message, and the replay of one."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="messaging_message_changelist"),
            path("<uuid:message_id>/", view(self.show), name="messaging_message_change"),
            path("<uuid:message_id>/replay/", view(self.replay), name="messaging_message_replay"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """List messages, the newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        given = {name: request.GET[name] for name in _FILTERS if request.GET.get(name)}
        channels = {own.id: own.name for own in messenger.channels.by_id.values()}
        context = {
            "filters": given,
            "statuses": list(Status),
            "channels": channels.values(),
            **_page(given, request.GET.get("page_token"), channels),
            **(extra_context or {}),
        }
        return self._render(request, "list", "Messages", context)

    def show(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        """Show a message and what happened to it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            inspection = messenger.inspect(message_id)
        except UnknownMessageError as error:
            raise Http404(str(error)) from error
        context = {
            "message": inspection.message,
            "channel": inspection.channel,
            "events": inspection.events,
            "may_replay": self.has_change_permission(request),
        }
        return self._render(request, "message", f"Message {message_id}", context)

    def replay(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        """Accept a copy of a message, which a worker delivers."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        shown = message_id
        try:
            shown = messenger.replay(message_id).id
            messages.success(request, f"This message is sent in place of {message_id}.")
        except MessagingError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:messaging_message_change", args=[shown]))

    def _render(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(
            request, f"admin/messaging/message/{template}.html", {**shared, **context}
        )


def _page(given: dict[str, str], token: str | None, channels: dict[UUID, str]) -> dict[str, Any]:
    """Return the rows of a page; of a query that cannot be read, why."""
    try:
        page = messenger.find(MessageQuery(limit=_LIMIT, page_token=token, **given))  # type: ignore[arg-type] # its converters take texts
    except MessagingError as error:
        return {"rows": [], "problem": str(error)}
    rows = [(message, channels.get(message.channel_id, "")) for message in page.results]
    return {"rows": rows, "next_page_token": page.next_page_token}
