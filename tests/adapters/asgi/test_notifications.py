"""`POST /send` and `POST /saga/send`, as the Mia-Platform Messaging Service has them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from messaging_adapters.asgi.access import Access
from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.saga import FlowEvents, Saga
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.models import Failure, Rejected
from messaging_core.notifications.audience import MappedAudience
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.testing import RecordingTransport
from tests import plain_http
from tests.adapters.asgi.conftest import MAIL, ORDERS, serving

USERS = (
    {"_id": "ada", "name": "Ada", "emailAddress": "ada@b.example", "phoneNumber": "+31612345678"},
    {"_id": "bob", "name": "Bob", "phoneNumber": "+31612345679", "clusters": ["vips"]},
)
REQUEST = {
    "channels": ["sms"],
    "recipients": ["ada"],
    "clusters": ["vips"],
    "messageTitle": "Hello",
    "messageContent": "Hello {{user.name}}",
}


class FlowManager(HttpClient):
    """Stands in for the Flow Manager that events go to."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.answer: HttpResponse | HttpError = HttpResponse(status=204)

    def send(self, request: HttpRequest, **_: object) -> HttpResponse:
        self.events.append((request.url, json.loads(request.body)))
        if isinstance(self.answer, HttpError):
            raise self.answer
        return self.answer


def find(field: str, values: Any) -> Iterator[dict[str, Any]]:
    for user in USERS:
        own = user.get(field, ())
        if any(value in values for value in ([own] if isinstance(own, str) else own)):
            yield user


@pytest.fixture
def answers() -> list[Rejected]:
    """What the transport answers, last of all; by default that it has sent."""
    return []


@pytest.fixture
def transport(answers: list[Rejected]) -> RecordingTransport:
    return RecordingTransport(lambda _: answers[-1] if answers else None)


@pytest.fixture
def flow_manager() -> FlowManager:
    return FlowManager()


@pytest.fixture
def call(
    transport: RecordingTransport, flow_manager: FlowManager
) -> Iterator[Callable[..., httpx.Response]]:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels=dict.fromkeys((ORDERS, MAIL), transport),
        audience=MappedAudience(find),
    )
    saga = Saga(
        paths={
            "channels": "notice.channels",
            "recipients": ("notice.to", "notice.also"),
            "messageTitle": "notice.title",
            "messageContent": "notice.text",
        },
        events=FlowEvents(
            url="http://flow/", client=flow_manager, success="notified", failure="notNotified"
        ),
    )
    app = make_app(
        messenger, access=lambda _: Access(name="ada"), worker=Worker(messenger), saga=saga
    )
    with serving(app) as url, plain_http.Client(base_url=url, timeout=30) as client:
        yield lambda path, body: client.post(path, content=json.dumps(body))


def test_each_user_gets_a_message_before_the_answer(
    call: Callable[..., httpx.Response], transport: RecordingTransport
) -> None:
    answer = call("/send", REQUEST)
    assert (answer.status_code, answer.json()) == (200, {"failures": []})
    texts = sorted(envelope.content.text for envelope in transport.sent)  # type: ignore[union-attr]
    assert texts == ["Hello Ada", "Hello Bob"]


def test_users_who_certainly_get_nothing_are_failures(
    call: Callable[..., httpx.Response], answers: list[Rejected]
) -> None:
    answers.append(Rejected(failure=Failure(code=15001, description="unknown number")))
    failures = call("/send", REQUEST).json()["failures"]
    assert sorted(failure["userId"] for failure in failures) == ["ada", "bob"]
    assert {failure["channel"] for failure in failures} == {"sms"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"channels": []}, "channels"),
        ({"channels": ["pigeon"]}, "channels"),
        ({"recipients": [], "clusters": []}, "recipients"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_error_has_three_fields_of_text(
    call: Callable[..., httpx.Response], changes: dict[str, Any], text: str
) -> None:
    answer = call("/send", {**REQUEST, **changes})
    body = answer.json()
    assert answer.status_code == 400
    assert (body["statusCode"], body["error"]) == ("400", "Bad Request")
    assert text in body["message"]


def test_a_body_that_is_no_json_has_the_same_form(
    call: Callable[..., httpx.Response],
) -> None:
    assert set(call("/send", "text").json()) == {"statusCode", "error", "message"}


def command(**notice: object) -> dict[str, Any]:
    return {"key": "saga-1", "value": {"messageLabel": "x", "messagePayload": {"notice": notice}}}


NOTICE = {
    "channels": ["sms"],
    "to": "ada",
    "also": ["bob"],
    "title": "t",
    "text": "{{data.value.messageLabel}}",
}


def test_a_command_becomes_a_notification_and_is_told(
    call: Callable[..., httpx.Response],
    transport: RecordingTransport,
    flow_manager: FlowManager,
) -> None:
    answer = call("/saga/send", command(**NOTICE))
    assert (answer.status_code, answer.content) == (200, b"")
    assert [envelope.content.text for envelope in transport.sent] == ["x", "x"]  # type: ignore[union-attr]
    told = {"key": "saga-1", "value": {"messageLabel": "notified", "messagePayload": {}}}
    assert flow_manager.events == [("http://flow/event", told)]


def test_a_refused_command_is_told_too(
    call: Callable[..., httpx.Response], flow_manager: FlowManager
) -> None:
    answer = call("/saga/send", command(**{**NOTICE, "channels": ["pigeon"]}))
    assert answer.json()["statusCode"] == "400"
    ((_, event),) = flow_manager.events
    assert event["value"]["messageLabel"] == "notNotified"
    assert call("/saga/send", {"key": "saga-1"}).status_code == 400


@pytest.mark.parametrize(
    "answer", [HttpResponse(status=500), HttpError("no route", may_be_sent=False)]
)
def test_an_event_that_cannot_be_sent_harms_no_notification(
    call: Callable[..., httpx.Response],
    flow_manager: FlowManager,
    answer: HttpResponse | HttpError,
) -> None:
    flow_manager.answer = answer
    assert call("/saga/send", command(**NOTICE)).status_code == 200


def test_functions_come_before_paths() -> None:
    saga = Saga(
        paths={"channels": "channels", "templateId": "template"},
        template_id=lambda command: f"{command['key']}-template",
        data=lambda _: {"a": 1},
    )
    payload = {"channels": ["sms"], "template": "other"}
    made = saga.notification_of(
        {"key": "k", "value": {"messageLabel": "x", "messagePayload": payload}}
    )
    assert made == {"channels": ["sms"], "templateId": "k-template", "data": {"a": 1}}


def test_a_saga_without_channels_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="channels"):
        Saga(paths={"recipients": "to"})
    with pytest.raises(ConfigurationError, match="colour"):
        Saga(paths={"channels": "channels", "colour": "red"})
