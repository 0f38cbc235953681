"""Operations: each unhealthy state is provoked, and the page says it."""

import asyncio
from datetime import time, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.viewer import problem_count
from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.reads import Readers
from messaging_core import Channel, Messenger, Worker
from messaging_core.delivery.heartbeat import Heartbeat
from messaging_core.errors import StorageError
from messaging_core.models import (
    Accepted,
    Deferred,
    DiskSpace,
    KeptReceipt,
    QuietHours,
    QuietWindow,
    Rejected,
    Retry,
    SendRules,
    StatusReceipt,
    Unknown,
    WhenInDoubt,
)
from messaging_core.ports.transport import Transport
from messaging_core.testing import ManualClock, RecordingTransport, a_failure
from viewer_site import MAIL, OTHER, TEXTS, Site, make_site, words

BROKEN = Deferred(failure=a_failure(12001, retry=Retry.CONFIGURATION))
REFUSED = Rejected(failure=a_failure(15002))
GONE = Rejected(failure=a_failure(15005))
DOUBTFUL = Unknown(failure=a_failure(12005))
PARKING = Channel(name="parking", platform="sms", sender="P", when_in_doubt=WhenInDoubt.PARK)


def site_of(channels: dict[Channel, Transport], clock: ManualClock) -> Site:
    messenger = Messenger(storage=MemoryStorage(), channels=channels, clock=clock)
    return Site(messenger=messenger, transport=RecordingTransport(), clock=clock)


def title(site: Site, path: str = "/operations.json") -> str:
    verdict = site.get(path).json()["verdict"]
    assert verdict["detail"]
    return str(verdict["title"])


def beat(site: Site) -> None:
    Heartbeat(site.messenger.context).beat()


def test_all_is_well(site: Site) -> None:
    site.send("hi")
    site.deliver()

    page = site.get("/operations")

    assert "All is well." in words(page)
    assert "style=" not in page.text
    assert page.text.count("<h1") == 1


def test_silent_workers_are_told_first(site: Site) -> None:
    beat(site)
    site.send("hi")
    site.clock.advance(timedelta(minutes=5))

    page = words(site.get("/operations"))

    assert "One thing needs you: every worker is silent, so nothing is sent." in page
    assert "1 message waits." in page
    assert "Workers 0 of 1 last heard 5 min ago" in page


def test_a_full_disk_is_told(site: Site) -> None:
    disk = DiskSpace(free=5 * 2**30, floor=2 * 2**30)
    site.messenger.storage.disk_space = lambda: disk  # type: ignore[attr-defined]

    assert title(site) == "One thing needs you: the disk is nearly full."
    assert "Disk: 5.0 GB free" in words(site.get("/operations"))


def test_an_open_circuit_is_told_with_what_waits() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(RecordingTransport([BROKEN]), clock=clock)
    site = site_of({TEXTS: breaker}, clock)
    site.send("hi")
    site.deliver()
    beat(site)

    page = words(site.get("/operations"))

    assert "One thing needs you: orders-sms sends nothing." in page
    assert "the circuit is open since 09:00:01" in page
    assert "orders-sms Circuit open since 09:00:01" in page


def test_a_channel_on_its_second_provider_says_so() -> None:
    clock = ManualClock()
    first = CircuitBreaker(RecordingTransport([BROKEN], name="first"), clock=clock)
    site = site_of({TEXTS: Failover(first, RecordingTransport(name="second"), clock=clock)}, clock)
    site.send("hi")
    site.deliver()
    beat(site)

    page = words(site.get("/operations"))

    assert "All is well." in page
    assert "One circuit open first, on provider 2 (second)" in page


def test_what_is_late_is_told(site: Site) -> None:
    site.send("hi")
    site.clock.advance(timedelta(minutes=4, seconds=47))

    page = words(site.get("/operations"))

    assert "One thing needs you: messages on orders-sms are late." in page
    assert "Oldest overdue 4:48 min limit 60 s, orders-sms" in page
    assert "Due and waiting 1" in page
    assert "orders-sms Late oldest 4 min" in page


def test_more_failures_than_usual_are_told() -> None:
    site = make_site(*[Accepted(references=(str(index),)) for index in range(40)], *[REFUSED] * 12)
    for _ in range(40):
        site.send("hi")
    site.deliver()
    site.clock.advance(timedelta(hours=3))
    for _ in range(12):
        site.send("hi")
    site.deliver()
    site.clock.advance(timedelta(minutes=1))

    # The week has these failures as well: 12 of 52, of which three times is less than all.
    assert title(site) == "One thing needs you: more messages fail than usual."


def test_receipts_that_are_not_processed_are_told(site: Site) -> None:
    receipt = StatusReceipt(
        source="recording", reference="r1", status="delivered", at=site.clock.now()
    )
    in_inbox = KeptReceipt(
        position=0,
        workspace=TEXTS.workspace,
        key="k",
        received_at=site.clock.now(),
        receipt=receipt,
    )
    with site.messenger.storage.begin() as tx:
        tx.receipts.keep([in_inbox])
    site.clock.advance(timedelta(minutes=2))

    assert title(site) == "One thing needs you: receipts are not processed."
    assert "Receipts: the oldest waits for 2 min" in words(site.get("/operations"))


def test_doubts_that_wait_for_a_person_are_told() -> None:
    clock = ManualClock()
    site = site_of({PARKING: RecordingTransport([DOUBTFUL, DOUBTFUL])}, clock)
    site.send("hi", PARKING)
    site.send("hi", PARKING)
    site.deliver()

    page = words(site.get("/operations"))

    assert "One thing needs you: 2 messages are in doubt and wait for a person." in page
    assert "In doubt 2 2 of them wait for a person" in page
    assert page.count("waits for you") == 2


def test_a_doubt_shows_when_it_ends_by_itself() -> None:
    site = make_site(DOUBTFUL)
    site.send("hi", to="+447700900142")
    site.deliver()
    site.clock.advance(timedelta(seconds=20))

    page = site.get("/operations")

    assert "sent again in 100 s" in words(page)
    assert "+44 •••• •••142" in words(page)
    assert "+447700900142" not in page.text


def test_a_subscriber_that_is_behind_is_told(site: Site) -> None:
    site.messenger.subscribe(lambda _event: None, name="crm")
    site.send("hi", scheduled_for=site.clock.now() + timedelta(days=1))
    site.clock.advance(timedelta(minutes=2))

    assert title(site) == "One thing needs you: the subscriber crm is behind."


def test_several_things_are_counted_and_listed(site: Site) -> None:
    beat(site)
    site.messenger.subscribe(lambda _event: None, name="crm")
    site.send("hi")
    site.clock.advance(timedelta(minutes=5))

    page = site.get("/operations.json").json()

    assert page["verdict"]["title"].startswith("Two things need you: every worker is silent")
    assert [own["title"] for own in page["others"]] == ["The subscriber crm is behind."]
    assert "Operations 2 problems" in words(site.get("/messages"))


def test_dead_letters_are_listed_by_reason_with_a_replay_where_it_helps() -> None:
    site = make_site(GONE, REFUSED, REFUSED)
    for _ in range(3):
        site.send("hi")
    site.deliver()

    reader = words(site.get("/operations"))
    site.visitor = Visitor(name="Olu", may=frozenset({Right.ACT_MANY}))
    operator = words(site.get("/operations"))

    assert "15002 The provider refused it orders-sms 2" in reader
    assert "15005 The device or mailbox is gone orders-sms 1 would fail again" in reader
    assert "Replay" not in reader
    assert "Replay 2…" in operator
    assert "Replay 1…" not in operator


def test_the_chart_has_a_sentence_and_its_numbers(site: Site) -> None:
    for _ in range(3):
        site.send("hi")
    site.deliver()

    page = site.get("/operations?range=1h").text

    assert "of the last hour: 3 sent, 0 delivered, 0 failed</title>" in page
    assert "What became of messages in each 5 minutes" in page
    assert page.count('role="img"') == 3
    assert "<details" in page


@pytest.mark.parametrize("span", ["1h", "6h", "24h", "7d"])
def test_each_range_of_time_is_a_link(site: Site, span: str) -> None:
    page = site.get(f"/operations?range={span}")

    assert page.status_code == 200
    assert f'href="/operations?range={span}" aria-current="true"' in page.text


def test_a_wrong_range_is_named(site: Site) -> None:
    assert site.get("/operations?range=2y").status_code == 422
    assert site.get("/operations?colour=red").status_code == 422


def test_a_storage_that_does_not_answer_leaves_a_page(site: Site) -> None:
    def fail(**_arguments: Any) -> None:
        raise StorageError("the disk is away")

    site.messenger.health = fail  # type: ignore[method-assign, assignment]

    answer = site.get("/operations")

    assert answer.status_code == 503
    assert "The storage does not answer." in words(answer)


def test_what_takes_too_long_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from messaging_adapters.viewer.reads import TOO_LONG, Reads  # noqa: PLC0415

    async def never(*_arguments: Any, **_options: Any) -> object:
        return TOO_LONG

    monkeypatch.setattr(Reads, "__call__", never)

    page = words(site.get("/operations"))

    assert "It is not known whether all is well." in page
    assert page.count("This took too long") == 2


def test_workers_of_other_workspaces_show_no_other_channel(site: Site) -> None:
    site.send("hi", MAIL)
    beat(site)
    Worker(site.messenger).drain()

    page = site.get("/operations")

    assert "foreign" not in page.text
    assert str(UUID(int=0)) not in page.text


def test_every_page_shows_how_many_problems_there_are(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.send("hi")
    assert "problem" not in words(site.get("/messages"))

    site.clock.advance(timedelta(minutes=5))  # nothing was delivered
    assert "problem" not in words(site.get("/messages")), "it asks at most every ten seconds"
    monkeypatch.setattr(problem_count, "_SECONDS", 0.0)
    assert "Operations 1 problem" in words(site.get("/messages"))
    assert "Operations 1 problem" in words(site.get("/contacts"))

    def fail(**_: object) -> None:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(site.messenger, "health", fail)
    assert "Operations 1 problem" in words(site.get("/messages"))


def test_a_slow_count_of_problems_keeps_no_page_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(problem_count, "operations", SimpleNamespace(read=endless))
    count = problem_count.ProblemCount(messenger=site.messenger, readers=Readers(seconds=0.05))
    count._answers[OTHER] = (-3600.0, 3)
    asked = SimpleNamespace(workspace=OTHER)
    monkeypatch.setattr(problem_count, "evolve", lambda asked, **_: asked)

    async def ask() -> int:
        return await asyncio.wait_for(count.of(asked), 60)  # type: ignore[arg-type]

    assert asyncio.run(ask()) == 3


def test_a_channel_in_its_quiet_hours_says_until_when() -> None:
    clock = ManualClock()
    night = QuietHours(windows=(QuietWindow(start=time(8), end=time(20)),))
    news = Channel(name="news", platform="sms", sender="N", message_type="promotional")
    messenger = Messenger(
        storage=MemoryStorage(),
        channels=dict.fromkeys((news, PARKING), RecordingTransport()),
        clock=clock,
        send_rules=SendRules(quiet_hours=night),
    )
    site = Site(messenger=messenger, transport=RecordingTransport(), clock=clock)

    rows = {row["name"]: row for row in site.get("/operations.json").json()["channels"]}

    assert rows["news"]["note"] == "quiet until 20:00:00"
    assert rows["parking"]["note"] == ""
    assert "quiet until 20:00:00" in words(site.get("/operations"))
