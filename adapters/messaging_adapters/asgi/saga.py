"""Commands of a Flow Manager: where a notification stands in them, and what is told afterwards.

The rules are 64 to 66 of the Mia-Platform Messaging Service.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import orjson

from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.lazy import logger
from messaging_core.models.messages.notification import Notification
from messaging_core.ports.http import HttpClient, HttpRequest
from messaging_core.wire.codec.schema import camel

_log = logger(__name__)

Command = Mapping[str, Any]
"""A command: `{"key": …, "value": {"messageLabel": …, "messagePayload": …}}`."""

Paths = str | tuple[str, ...] | list[str]
"""Where a field stands in the payload: keys joined with dots, or several such paths."""

_FIELDS: Final = frozenset(
    camel(field.name) for field in attrs.fields(Notification) if field.name != "data"
)


@attrs.frozen(kw_only=True)
class FlowEvents:
    """Tell a Flow Manager how a command ended.

    Attributes:
        url: Of the Flow Manager, without `/event`.
        client: Sends the events.
        success: Label of the event after a notification that was started; none is sent without.
        failure: Label of the event after one that was refused.
    """

    url: str = attrs.field(repr=False)
    client: HttpClient
    success: str | None = None
    failure: str | None = None

    def tell(self, key: object, label: str | None) -> None:
        """Send an event with an empty payload; one that cannot be sent is logged."""
        if label is None:
            return
        body = {"key": key, "value": {"messageLabel": label, "messagePayload": {}}}
        request = HttpRequest(
            method="POST",
            url=self.url.rstrip("/") + "/event",
            headers={"content-type": "application/json"},
            body=orjson.dumps(body),
        )
        try:
            answer = self.client.send(request)
        except HttpError as error:
            _log.error("the event %s cannot be sent: %s", label, error.problem)
            return
        if not answer.is_ok:
            _log.error("the event %s cannot be sent: status %d", label, answer.status)


@attrs.frozen(kw_only=True)
class Saga:
    """Say how a command becomes a notification.

    Attributes:
        paths: By the field of the notification, where it stands in the payload of the command;
            `channels` is required.
        template_id: Returns the id of the template; comes before a path of `templateId`.
        data: Returns the values for the texts; by default they are the whole command.
        events: Tells how the command ended, if the Flow Manager shall know.

    Raises:
        ConfigurationError: There is no path of `channels`, or a field does not exist.
    """

    paths: Mapping[str, Paths]
    template_id: Callable[[Command], str] | None = None
    data: Callable[[Command], Mapping[str, Any]] | None = None
    events: FlowEvents | None = None

    def __attrs_post_init__(self) -> None:
        if "channels" not in self.paths:
            raise ConfigurationError('paths must name "channels": write paths={"channels": "…"}')
        if unknown := sorted(set(self.paths) - _FIELDS):
            allowed = ", ".join(sorted(_FIELDS))
            raise ConfigurationError(f"paths has {', '.join(unknown)}; there are: {allowed}")

    def notification_of(self, command: Command) -> dict[str, Any]:
        """Return the notification, as JSON values; what is not in the command is left out."""
        payload = command["value"]["messagePayload"]
        fields = {name: _collected(payload, paths) for name, paths in self.paths.items()}
        notification = {name: value for name, value in fields.items() if value is not None}
        if self.template_id is not None:
            notification["templateId"] = self.template_id(command)
        return {**notification, "data": command if self.data is None else self.data(command)}


def _collected(payload: Any, paths: Paths) -> Any:
    """Return what stands at a path; several paths give one list of what stands at any of them."""
    if isinstance(paths, str):
        return _at(payload, paths)
    values = [value for path in paths if (value := _at(payload, path)) is not None]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _at(payload: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(key)
    return payload
