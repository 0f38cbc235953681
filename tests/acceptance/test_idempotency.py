"""For how long an idempotency key stands, and what a conflict says."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import (
    ConfigurationError,
    IdempotencyConflictError,
    Message,
    Messenger,
    Rejection,
    SendMessage,
)
from messaging_core.acceptance.idempotency import DEFAULT_WINDOW
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request
from messaging_core.wire.stored.fingerprint import differing, fingerprint

MILLISECOND = timedelta(milliseconds=1)
ORDERS, CODES = a_channel("orders"), a_channel("codes")
REQUEST: dict[str, Any] = {
    "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
    "body": {"type": "text", "text": {"text": "hi"}},
    "tags": ["a"],
    "reference": "r-1",
}

documents = st.dictionaries(
    st.text(max_size=3),
    st.integers(0, 2) | st.dictionaries(st.text(max_size=3), st.integers(0, 2), max_size=3),
    max_size=4,
)


class Engine:
    """A messenger over a storage, with a clock to move."""

    def __init__(self, storage: SqliteStorage | MemoryStorage, **options: Any) -> None:
        self.storage, self.clock = storage, ManualClock()
        transport = RecordingTransport()
        self.messenger = Messenger(
            storage=storage,
            channels={ORDERS: transport, CODES: transport},
            clock=self.clock,
            **options,
        )

    def send(self, request: SendMessage | dict[str, Any], key: str = "k") -> Message:
        return self.messenger.send("orders", request, idempotency_key=key)

    def keys(self, *keys: str) -> list[str]:
        """Return those of the keys that are kept, whether they still stand or not."""
        with self.storage.begin(read_only=True) as tx:
            return sorted(tx.messages.by_keys(DEFAULT_WORKSPACE, keys, since=NOW - timedelta(1)))


@pytest.fixture(params=[MemoryStorage, lambda: SqliteStorage(":memory:")], ids=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    storage = request.param()
    yield Engine(storage)
    getattr(storage, "close", lambda: None)()


def conflict(engine: Engine, request: dict[str, Any], channel: str = "orders") -> tuple[str, ...]:
    """Return the fields in which a second request differs from the first."""
    engine.send(REQUEST)
    with pytest.raises(IdempotencyConflictError) as raised:
        engine.messenger.send(channel, request, idempotency_key="k")
    assert [violation.path for violation in raised.value.violations] == list(raised.value.fields)
    assert {violation.code for violation in raised.value.violations} == {"idempotency.conflict"}
    return raised.value.fields


class TestWindow:
    def test_a_key_stands_for_its_message_until_the_window_ends(self, engine: Engine) -> None:
        first = engine.send(REQUEST)
        engine.clock.set(NOW + DEFAULT_WINDOW - MILLISECOND)

        assert engine.send(REQUEST) == first

    def test_then_the_key_is_free_for_any_request(self, engine: Engine) -> None:
        first = engine.send(REQUEST)
        engine.clock.set(NOW + DEFAULT_WINDOW)

        second = engine.send(a_request("something else"))

        assert second.id != first.id
        assert engine.send(a_request("something else")) == second
        assert engine.messenger.get(first.id) == first

    def test_a_repetition_does_not_prolong_it(self, engine: Engine) -> None:
        first = engine.send(REQUEST)
        engine.clock.set(NOW + DEFAULT_WINDOW - MILLISECOND)
        engine.send(REQUEST)
        engine.clock.set(NOW + DEFAULT_WINDOW)

        assert engine.send(REQUEST).id != first.id

    def test_the_host_says_how_long_it_is(self) -> None:
        engine = Engine(MemoryStorage(), idempotency_window=timedelta(minutes=5))
        first = engine.send(REQUEST)
        engine.clock.advance(minutes=4)
        second = engine.send(REQUEST)
        engine.clock.advance(minutes=1)
        third = engine.send(REQUEST)

        assert first == second
        assert third.id != first.id

    @pytest.mark.parametrize("window", [timedelta(0), timedelta(-1), timedelta.max])
    def test_it_is_some_time_and_not_for_ever(self, window: timedelta) -> None:
        with pytest.raises(ConfigurationError, match="ten years"):
            Engine(MemoryStorage(), idempotency_window=window)

    def test_it_holds_for_a_batch(self, engine: Engine) -> None:
        send = engine.messenger.send_batch
        first = send("orders", [REQUEST], idempotency_key="k")
        engine.clock.set(NOW + DEFAULT_WINDOW - MILLISECOND)
        again = send("orders", [REQUEST], idempotency_key="k")
        engine.clock.set(NOW + DEFAULT_WINDOW)
        later = send("orders", [REQUEST], idempotency_key="k")

        assert again == first
        assert later.id != first.id

    def test_it_holds_for_many(self, engine: Engine) -> None:
        send = engine.messenger.send_many
        (first,) = send("orders", [REQUEST], idempotency_keys=["k"])
        engine.clock.set(NOW + DEFAULT_WINDOW)

        second, third = send("orders", [REQUEST] * 2, idempotency_keys=["k", "k"])

        assert second == third != first

    def test_keys_that_expired_are_removed_a_few_with_each_new_one(self, engine: Engine) -> None:
        for key in "abcde":
            engine.send(REQUEST, key)
            engine.clock.advance(milliseconds=1)
        engine.clock.set(NOW + DEFAULT_WINDOW + timedelta(hours=1))

        left = []
        for key in "vwx":
            engine.send(REQUEST, key)
            left.append(engine.keys(*"abcdevwx"))

        assert left == [[*"cdev"], [*"evw"], [*"vwx"]]

    def test_without_a_new_key_nothing_is_removed(self, engine: Engine) -> None:
        engine.send(REQUEST)
        engine.clock.set(NOW + DEFAULT_WINDOW)

        engine.messenger.send("orders", REQUEST)

        assert engine.keys("k") == ["k"]


class TestConflict:
    @pytest.mark.parametrize(
        ("changed", "fields"),
        [
            ({"reference": "r-2"}, ("/reference",)),
            ({"body": {"type": "text", "text": {"text": "ho"}}}, ("/body/text",)),
            ({"tags": ["a", "b"], "validity": 60}, ("/tags", "/validity")),
            (
                {
                    "body": {
                        "type": "image",
                        "image": {"images": [{"mediaUrl": "https://x.example"}]},
                    }
                },
                ("/body/text", "/body/type", "/body/image"),
            ),
            ({"meta": {"flow": {"id": str(UUID(int=1))}}}, ("/meta/flow",)),
        ],
        ids=["value", "inner", "two", "type", "more"],
    )
    def test_it_names_the_fields_that_differ(
        self, engine: Engine, changed: dict[str, Any], fields: tuple[str, ...]
    ) -> None:
        assert conflict(engine, {**REQUEST, **changed}) == fields

    def test_a_field_that_is_gone_differs(self, engine: Engine) -> None:
        rest = {key: value for key, value in REQUEST.items() if key != "tags"}

        assert conflict(engine, rest) == ("/tags",)

    def test_another_channel_is_a_difference_of_its_own(self, engine: Engine) -> None:
        assert conflict(engine, REQUEST, "codes") == ("/channelId",)

    def test_of_a_batch_it_names_the_requests(self, engine: Engine) -> None:
        other = {**REQUEST, "reference": "r-2"}
        engine.messenger.send_batch("orders", [REQUEST, REQUEST], idempotency_key="k")

        with pytest.raises(IdempotencyConflictError) as raised:
            engine.messenger.send_batch("orders", [REQUEST, other, other], idempotency_key="k")

        assert raised.value.fields == ("/1", "/2")

    def test_of_many_the_rejection_names_them(self, engine: Engine) -> None:
        other = {**REQUEST, "reference": "r-2"}

        _, second = engine.messenger.send_many(
            "orders", [REQUEST, other], idempotency_keys=["k", "k"]
        )

        assert isinstance(second, Rejection)
        assert [violation.path for violation in second.violations] == ["/reference"]

    def test_without_a_difference_in_the_fields_it_is_still_a_conflict(self) -> None:
        error = IdempotencyConflictError("k", UUID(int=1))

        assert [violation.path for violation in error.violations] == [""]
        assert error.fields == ()

    @given(first=documents, other=documents)
    def test_documents_differ_where_their_fingerprints_do(
        self, first: dict[str, Any], other: dict[str, Any]
    ) -> None:
        assert bool(differing(fingerprint(first), fingerprint(other))) == (first != other)
