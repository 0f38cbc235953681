"""Messages over HTTP: sent, listed, changed and withdrawn, as the Bird Channels API has it."""

import uuid
from datetime import timedelta

import httpx
import pytest

from messaging_core import MessageQuery
from messaging_core.models import Status
from tests.adapters.asgi.conftest import CLOSED, FOREIGN, MAIL, ORDERS, Service, path_of, sms

NO_ID = "00000000-0000-7000-8000-000000000000"


def send(client: httpx.Client, **changes: object) -> dict[str, object]:
    answer = client.post(path_of(ORDERS, "/messages"), json={**sms(), **changes})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_send_answers_202_with_the_message(service: Service, client: httpx.Client) -> None:
    document = send(client, tags=["VIP"], reference="order-4711")
    assert document["status"] == "accepted"
    assert document["tags"] == ["vip"]
    service.deliver()
    (envelope,) = service.transport.sent
    assert envelope.content.text == "hi"  # type: ignore[union-attr]
    got = client.get(path_of(ORDERS, f"/messages/{document['id']}"))
    assert (got.status_code, got.json()["status"]) == (200, "sent")


def test_everything_wrong_is_one_422(client: httpx.Client) -> None:
    request = {**sms(text="", to="+3"), "tags": ["é", "ok", ""]}
    answer = client.post(path_of(ORDERS, "/messages"), json=request)
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["code"] == "InvalidPayload"
    assert set(problem["details"]) == {
        "receiver.contacts.0.identifierValue",
        "body.text.text",
        "tags.0",
        "tags.2",
    }
    assert all(isinstance(text, str) for texts in problem["details"].values() for text in texts)


def test_a_wrong_form_is_422_too(client: httpx.Client) -> None:
    request = {**sms(), "colour": "red", "tags": "vip"}
    answer = client.post(path_of(ORDERS, "/messages"), json=request)
    assert (answer.status_code, set(answer.json()["details"])) == (422, {"colour", "tags"})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nonsense"])
def test_a_body_that_is_no_json_is_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post(path_of(ORDERS, "/messages"), content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidJson")


def test_an_inactive_channel_is_409(client: httpx.Client) -> None:
    answer = client.post(path_of(CLOSED, "/messages"), json=sms())
    assert (answer.status_code, answer.json()["code"]) == (409, "ChannelInactive")


def test_an_idempotency_key_is_honoured(service: Service, client: httpx.Client) -> None:
    key = {"Idempotency-Key": "order-4711"}
    first = client.post(path_of(ORDERS, "/messages"), json=sms(), headers=key)
    again = client.post(path_of(ORDERS, "/messages"), json=sms(), headers=key)
    other = client.post(path_of(ORDERS, "/messages"), json=sms("bye"), headers=key)
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "IdempotencyConflict")
    assert len(service.messenger.find(MessageQuery()).results) == 1


def test_unknown_things_are_all_404_and_alike(service: Service, client: httpx.Client) -> None:
    document = send(client)
    elsewhere = service.messenger.send(FOREIGN, sms())
    nowhere = uuid.uuid4()
    paths = [
        path_of(ORDERS, f"/messages/{NO_ID}"),
        path_of(ORDERS, "/messages/nonsense"),
        path_of(ORDERS, f"/messages/{{{document['id']}}}"),
        path_of(ORDERS, f"/messages/{elsewhere.id}"),
        path_of(MAIL, f"/messages/{document['id']}"),
        path_of(MAIL, f"/messages/{document['id']}/interactions"),
        path_of(FOREIGN, f"/messages/{elsewhere.id}"),
        path_of(FOREIGN, "/messages"),
        f"/workspaces/{ORDERS.workspace}/channels/{nowhere}/messages",
        f"/workspaces/{ORDERS.workspace}/channels/{FOREIGN.id}/messages",
        f"/workspaces/{nowhere}/channels/{ORDERS.id}/messages",
        f"/workspaces/{nowhere}/channels/messages",
        path_of(ORDERS, "/messages/"),
        "/",
    ]
    answers = [client.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_a_listing_by_channel_tells_its_period(service: Service, client: httpx.Client) -> None:
    ids = [send(client)["id"] for _ in range(3)]
    service.messenger.send(
        MAIL, {**sms(to="a@b.example"), "body": None, "template": None} | sms(to="a@b.example")
    )
    page = client.get(path_of(ORDERS, "/messages"), params={"limit": 2}).json()
    rest = client.get(
        path_of(ORDERS, "/messages"), params={"limit": 2, "pageToken": page["nextPageToken"]}
    ).json()
    assert set(page) == {"startAt", "endAt", "results", "nextPageToken"}
    assert set(rest) == {"startAt", "endAt", "results"}
    listed = [document["id"] for document in page["results"] + rest["results"]]
    assert sorted(listed) == sorted(ids)
    assert page["startAt"] == "1970-01-01T00:00:00.000Z"


def test_a_listing_by_workspace_has_every_channel(client: httpx.Client) -> None:
    send(client)
    client.post(path_of(MAIL, "/messages"), json=sms(to="a@b.example"))
    path = f"/workspaces/{ORDERS.workspace}/channels/messages"
    page = client.get(path).json()
    assert set(page) == {"results"}
    assert {document["channelId"] for document in page["results"]} == {str(ORDERS.id), str(MAIL.id)}
    mails = client.get(path, params=[("platform", "email"), ("channelId", str(MAIL.id))]).json()
    assert [document["channelId"] for document in mails["results"]] == [str(MAIL.id)]


def test_repeated_parameters_are_several_values(client: httpx.Client) -> None:
    for tag in ("red", "green", "blue"):
        send(client, tags=[tag])
    page = client.get(path_of(ORDERS, "/messages"), params=[("tag", "red"), ("tag", "blue")]).json()
    assert sorted(tag for document in page["results"] for tag in document["tags"]) == [
        "blue",
        "red",
    ]


def test_wrong_parameters_are_one_422(client: httpx.Client) -> None:
    query = "limit=x&reverse=2&platform=!&status=lost&pageToken=a&pageToken=b&colour=red&id=7"
    answer = client.get(path_of(ORDERS, f"/messages?{query}"))
    assert answer.status_code == 422
    names = {field.partition(".")[0] for field in answer.json()["details"]}
    assert names >= {"limit", "reverse", "pageToken", "colour", "id", "status"}
    assert client.get(path_of(ORDERS, "/messages?limit=1001")).status_code == 422
    assert client.get(path_of(ORDERS, "/messages?channelId=x")).status_code == 422
    assert client.get(path_of(ORDERS, f"/messages?pageToken={'x' * 8001}")).status_code == 422


def test_a_waiting_message_can_be_moved_and_withdrawn(
    service: Service, client: httpx.Client
) -> None:
    at = service.clock.now() + timedelta(days=1)
    path = path_of(ORDERS, f"/messages/{send(client)['id']}")
    moved = client.patch(path, json={"scheduledFor": at.isoformat()})
    assert (moved.status_code, moved.json()["status"]) == (200, "scheduled")
    assert client.patch(path, json={}).status_code == 422
    assert client.patch(path, json={"scheduledFor": "tomorrow"}).status_code == 422
    assert client.delete(path).status_code == 204
    again = client.delete(path)
    assert (again.status_code, again.json()["code"]) == (409, "Conflict")
    assert client.get(path).json()["status"] == Status.DELETED


def test_a_conversion_becomes_an_interaction(client: httpx.Client) -> None:
    path = path_of(ORDERS, f"/messages/{send(client)['id']}")
    conversion = {"type": "otp", "status": "converted"}
    assert client.post(f"{path}/conversions", json=conversion).status_code == 201
    (act,) = client.get(f"{path}/interactions").json()["results"]
    assert act["type"] == "conversion"
    assert client.post(f"{path}/conversions", json={"type": "otp"}).status_code == 422


def test_a_batch_is_accepted_listed_and_withdrawn(client: httpx.Client) -> None:
    path = path_of(ORDERS, "/batch/messages")
    answer = client.post(path, json={"messageRequests": [sms(), {"body": None}, sms("two")]})
    batch = answer.json()
    assert answer.status_code == 202
    listed = client.get(path_of(ORDERS, f"/messages?batchId={batch['batchId']}")).json()["results"]
    assert {document["id"] for document in listed} == set(batch["messageIds"])
    assert sorted(document["status"] for document in listed) == ["accepted", "accepted", "rejected"]
    assert client.delete(f"{path}/{batch['batchId']}").json() == {"cancelled": 2}
    assert client.delete(f"{path}/{NO_ID}").status_code == 404
    elsewhere = path_of(MAIL, f"/batch/messages/{batch['batchId']}")
    assert client.delete(elsewhere).status_code == 404


@pytest.mark.parametrize("requests", [[], [sms()] * 101, "x", [1], None])
def test_a_wrong_batch_is_refused_whole(client: httpx.Client, requests: object) -> None:
    answer = client.post(path_of(ORDERS, "/batch/messages"), json={"messageRequests": requests})
    assert answer.status_code == 422, answer.text


def test_channels_are_listed_page_by_page(client: httpx.Client) -> None:
    path = f"/workspaces/{ORDERS.workspace}/channels"
    first = client.get(path, params={"limit": 2}).json()
    rest = client.get(path, params={"pageToken": first["nextPageToken"]}).json()
    names = [channel["name"] for channel in first["results"] + rest["results"]]
    assert names == ["orders", "mail", "closed", "news"]
    assert "nextPageToken" not in rest
    inactive = client.get(path, params={"status": "inactive"}).json()["results"]
    assert [channel["name"] for channel in inactive] == ["closed"]
    assert client.get(path, params={"pageToken": "x"}).status_code == 422
    assert client.get(path, params={"limit": 0}).status_code == 422
    assert client.get(path_of(MAIL)).json()["platformId"] == "email"
    wrong = client.get(f"/workspaces/{MAIL.workspace}/channels", params={"platform": "%"})
    assert (wrong.status_code, list(wrong.json()["details"])) == (422, ["platform.0"])
