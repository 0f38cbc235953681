import json
import re
from datetime import timedelta
from uuid import UUID

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.models import Status, WebhookDelivery
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.testing import RecordingTransport, a_kept_receipt, a_receipt


@pytest.fixture
def expired(run, write, sms, messages, clock):
    """A message that no worker delivered in time."""
    run("send", "--channel", "parcels", "--no-deliver", write(sms(validity=60)))
    clock.advance(minutes=2)
    run("deliver")
    (message,) = messages()
    return message


@pytest.fixture
def in_doubt(sms, shop, clock):
    """A message that a provider may have taken, and that waits for proof."""
    parcels = Channel(name="parcels", platform="sms", sender="The Shop")
    with SqliteStorage(shop / "shop.db") as storage:
        silent = RecordingTransport([TimeoutError("no answer")])
        messenger = Messenger(storage=storage, channels={parcels: silent}, clock=clock)
        message = messenger.send("parcels", sms())
        Worker(messenger).run_once()
        assert messenger.get(message.id).details == "in_doubt"
    return str(message.id)


def counts(run) -> dict[str, int]:
    rows = re.findall(r"^(\w[\w ]*?) +(\d+)$", run("doubts").out, re.MULTILINE)
    return {name: int(count) for name, count in rows}


def test_dead_letters_are_listed_with_the_reason(run, expired):
    ran = run("dead")

    assert ran.status == 0
    assert re.search(
        rf"{expired['id']}  2026-03-02 09:02  parcels  \+31600000001 +expired", ran.out
    )
    assert json.loads(run("dead", "--json").out) == expired


@pytest.fixture
def put_aside(shop, run, write, sms):
    """Two receipts that could not be applied, again and again."""
    run("send", "--channel", "parcels", "--no-deliver", write(sms()))
    receipts = [
        a_kept_receipt(a_receipt(reference=f"p-{number}"), key=f"k-{number}") for number in (1, 2)
    ]
    with SqliteStorage(shop / "shop.db") as storage, storage.begin() as tx:
        positions = [position or 0 for position in tx.receipts.keep(receipts)]
        tx.receipts.mark(DEFAULT_WORKSPACE, positions, ReceiptState.FAILED)
    return positions


def test_receipts_that_could_not_be_applied_are_listed_and_tried_again(run, put_aside):
    first, second = map(str, put_aside)

    listed = run("receipts")
    rest = run("receipts", "--after", first)
    retried = run("receipts", "--retry")
    none = run("receipts")

    rows = [line.split() for line in listed.out.splitlines() if line.strip()]
    assert [row[0] for row in rows if row[0].isdigit()] == [first, second]
    assert "StatusReceipt" in listed.out
    assert "p-1" in listed.out
    assert "p-1" not in rest.out
    assert "p-2" in rest.out
    assert retried.out == "2 receipts are applied again as soon as a worker runs\n"
    assert (none.out, none.err) == ("", "no receipts failed\n")


def test_webhooks_that_were_given_up_are_listed_and_sent_again(run, shop, write, sms, clock):
    run("send", "--channel", "parcels", "--no-deliver", write(sms()))
    now = clock.now()
    given_up = [
        WebhookDelivery(
            id=UUID(int=number),
            subscription_id=UUID(int=9),
            workspace_id=UUID(int=0),
            message_id=UUID(int=7),
            status=Status.SENT,
            created_at=now,
            due_at=now + timedelta(minutes=number),
            expires_at=now,
            attempts=39,
            failure="503",
            is_dead=True,
        )
        for number in (2, 1)
    ]
    with SqliteStorage(shop / "shop.db") as storage, storage.begin() as tx:
        tx.webhooks.add_deliveries(given_up)

    listed = run("webhooks")
    replayed = run("webhooks", "--replay", "--limit", "1")
    rest = run("webhooks")
    run("webhooks", "--replay")
    none = run("webhooks")

    rows = [line.split() for line in listed.out.splitlines() if "503" in line]
    assert [row[0] for row in rows] == [str(UUID(int=number)) for number in (1, 2)]
    assert all(row[-2:] == ["39", "503"] for row in rows)
    assert replayed.out == "1 webhooks are sent again as soon as a sender runs\n"
    assert str(UUID(int=1)) not in rest.out
    assert (none.out, none.err) == ("", "no webhooks were given up\n")


def test_dead_letters_come_in_pages(run, write, sms, clock):
    run("send", "--channel", "parcels", "--no-deliver", write(*[sms(validity=60)] * 3))
    clock.advance(minutes=2)
    run("deliver")

    first = run("dead", "--json", "--limit", "2")
    token = first.err.split()[-1]
    second = run("dead", "--json", "--limit", "2", "--page-token", token)

    listed = [json.loads(line)["id"] for line in (first.out + second.out).splitlines()]
    assert len(set(listed)) == len(listed) == 3


@pytest.mark.usefixtures("in_doubt")
def test_what_is_in_doubt_is_no_dead_letter(run):
    ran = run("dead")

    assert (ran.status, ran.out, ran.err) == (0, "", "no dead letters\n")


def test_a_dead_letter_is_replayed_once_unless_asked_for_again(run, expired, messages):
    first = run("replay", expired["id"])
    repeated = run("replay", expired["id"])
    again = run("replay", "--again", expired["id"])
    run("deliver")

    assert first.out.startswith(f"{expired['id']} is sent again as ")
    assert first.out == repeated.out != again.out
    assert [message["status"] for message in messages()] == ["sent", "sent", "sending_failed"]


def test_a_message_in_doubt_is_itself_sent_again_and_counted(run, in_doubt, messages):
    before = counts(run)

    ran = run("replay", in_doubt)
    run("deliver")

    assert ran.out == f"{in_doubt} was in doubt, and is due now: it may arrive twice\n"
    assert [(message["id"], message["status"]) for message in messages()] == [(in_doubt, "sent")]
    assert (before["opened"], before["resent"], before["open now"]) == (1, 0, 1)
    assert (counts(run)["resent"], counts(run)["open now"]) == (1, 0)


def test_a_message_that_was_sent_is_not_replayed(run, write, sms, messages):
    run("send", "--channel", "parcels", write(sms()))
    (sent,) = messages()

    ran = run("replay", sent["id"])

    assert (ran.status, ran.out) == (1, "")
    assert "did not fail to be sent" in ran.err
