"""What every storage promises about keeping messages and listing them."""
# ruff: noqa: S101, D102, PLR2004 - asserts, names that are sentences, and literal expectations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from attrs import evolve

from messaging_core.errors import InvalidQueryError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import FailureSource
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.content.body import Attachment, HtmlBody, Image, ImageBody
from messaging_core.models.content.meta import EmailMeta, Meta
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.delivery.delivery import IdempotencyKey, NewMessage
from messaging_core.models.messages.counts import CountBy, Counts, count_kinds
from messaging_core.models.messages.message import Direction, Message, Origin, Part, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.request import ReplyTo
from messaging_core.models.people.contact import MessageReceiver
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import (
    A_NUMBER,
    AN_ADDRESS,
    OUR_NUMBER,
    a_failure,
    a_message,
    a_new_message,
    a_settlement,
    a_subject,
    an_incoming_message,
)
from messaging_core.testing.contracts.storage.steps import (
    AT,
    MICROSECOND,
    MILLISECOND,
    add,
    claim,
    get,
    ids,
    page,
    raised,
    settle,
    walk,
)
from messaging_core.wire import dump_message, dump_page
from messaging_core.wire.stored.message import page_json

OTHER_WORKSPACE: Final = UUID(int=7)
_EARLIER: Final = AT - MICROSECOND
_CHANNEL, _NAVIGATOR, _BATCH = UUID(int=11), UUID(int=12), UUID(int=13)


def _message(**fields: Any) -> Callable[[], NewMessage]:
    return lambda: a_new_message(a_message(**fields))


def _receiving(**fields: Any) -> Callable[[], NewMessage]:
    """Return what makes messages whose first contact is written differently."""

    def make() -> NewMessage:
        message = a_message()
        contact = evolve(message.receiver.contacts[0], **fields)
        return a_new_message(evolve(message, receiver=MessageReceiver(contacts=(contact,))))

    return make


def _listed(storage: Storage, query: MessageQuery) -> Sequence[Message]:
    with storage.begin(read_only=True) as tx:
        return tx.messages.find(query).results


def _count(
    storage: Storage, query: MessageQuery, by: Collection[CountBy], most: int = 100
) -> Counts:
    with storage.begin(read_only=True) as tx:
        return tx.messages.count(query, by, most=most)


def _failing(**fields: Any) -> Callable[[], NewMessage]:
    return _message(failure=a_failure(**fields), status=Status.SENDING_FAILED)


def _keyed(key: str, at: datetime) -> NewMessage:
    return a_new_message(a_message(at=at), key=key)


def _mail(subject: str) -> Callable[[], NewMessage]:
    return _message(to=AN_ADDRESS, body=a_subject(subject))


@frozen
class FilterCase:
    """One filter of a listing, with what makes a message that it finds."""

    query: Mapping[str, Any]
    matching: Callable[[], NewMessage]


FILTERS: Final = (
    FilterCase({"platform": "pigeon"}, lambda: a_new_message(platform="pigeon")),
    FilterCase({"direction": Direction.INCOMING}, lambda: a_new_message(an_incoming_message())),
    FilterCase({"channel_id": _CHANNEL}, _message(channel_id=_CHANNEL)),
    FilterCase({"navigator_id": _NAVIGATOR}, _message(meta=Meta(navigator_id=_NAVIGATOR))),
    FilterCase({"start_at": AT + MICROSECOND}, _message(at=AT + MICROSECOND)),
    FilterCase({"end_at": AT}, _message(at=AT - MICROSECOND)),
    FilterCase({"sender": "+31600000099"}, _message(sender="+31600000099")),
    FilterCase(
        {"sender": "Me@Sender.Example"}, _message(to=AN_ADDRESS, sender="mE@sender.example")
    ),
    FilterCase({"sender": A_NUMBER}, lambda: a_new_message(an_incoming_message(sender=A_NUMBER))),
    FilterCase({"receiver": "+31600000098"}, _message(to="+31600000098")),
    FilterCase({"receiver": "BOB@x.example"}, _message(to=[AN_ADDRESS, "bob@X.example"])),
    FilterCase({"receiver": OUR_NUMBER}, lambda: a_new_message(an_incoming_message())),
    FilterCase({"receiver": "+31600000097"}, _receiving(platform_address="+31600000097")),
    FilterCase({"failure_code": 15003}, _failing(code=15003)),
    FilterCase({"failure_source_code": "E7"}, _failing(source=FailureSource(code="E7"))),
    FilterCase({"failure_source_name": "acme"}, _failing(source=FailureSource(name="acme"))),
    FilterCase({"country_code": "NL"}, _receiving(country_code="NL")),
    FilterCase({"tag": "vip"}, _message(tags=("spring", "vip"))),
    FilterCase({"tag": "VIP"}, _message(tags=("vip",))),
    FilterCase({"email_subject": "offer"}, _mail("Our offer: winter")),
    FilterCase({"email_subject": "WINTER offer"}, _mail("Our offer: winter")),
    FilterCase({"email_subject": "creme"}, _mail("Crème brûlée")),
    FilterCase(
        {"email_subject": "meta"},
        _message(to=AN_ADDRESS, meta=Meta(email=EmailMeta(subject="By meta"))),
    ),
    FilterCase({"batch_id": _BATCH}, lambda: a_new_message(batch_id=_BATCH)),
    FilterCase({"status": Status.SKIPPED}, _message(status=Status.SKIPPED)),
    FilterCase({"reference": "order-1"}, _message(reference="order-1")),
)
"""Every filter but `id`, which is of one message, with messages that nothing else here matches."""

HOSTILE_TEXTS: Final = (
    "",
    " ",
    "%",
    "_",
    "*",
    "' OR 1=1 --",
    '"',
    '"" OR x',
    "a\x00b",
    "\ud800",
    "NEAR(a b)",
    "-a",
    "col:x",
    "x" * 10_000,
    "\U0001f600",
)
"""Texts that have broken a query somewhere."""

TEXT_FILTERS: Final = (
    "platform",
    "sender",
    "receiver",
    "failure_source_code",
    "failure_source_name",
    "country_code",
    "tag",
    "reference",
)


class MessagesContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def make_frugal_storage(self) -> Storage:
        """Return a storage that looks at as few messages for a page as it can be told to."""
        return self.make_storage()

    def test_a_message_is_returned_as_it_was_added(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message(message) for message in _rich_messages()]

        add(storage, *messages)

        for new in messages:
            assert get(storage, new) == new.message
        assert list(page(storage, reverse=True, limit=100).results) == [
            new.message for new in messages
        ]

    def test_a_message_is_returned_as_the_json_that_is_written_of_it(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message(message) for message in _rich_messages()]
        add(storage, *messages)

        for new in messages:
            assert _json(storage, new) == dump_message(new.message)

    def test_the_json_of_a_message_is_of_its_present_state(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)
        failed = a_settlement(
            claim(storage)[0],
            status=Status.SENDING_FAILED,
            failure=a_failure(description='"failure":{'),
            reason="because",
        )
        settle(storage, failed)

        message = get(storage, new)

        assert message is not None
        assert message.status is Status.SENDING_FAILED
        assert _json(storage, new) == dump_message(message)

    def test_there_is_no_json_of_an_unknown_message_or_for_another_workspace(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        assert _json(storage, a_new_message()) is None
        assert _json(storage, evolve(new, workspace=OTHER_WORKSPACE)) is None

    def test_a_page_is_returned_as_the_json_that_is_written_of_it(self) -> None:
        storage = self.make_storage()
        add(storage, *[a_new_message(message) for message in _rich_messages()])

        for query in (
            {},
            {"limit": 2},
            {"start_at": AT, "end_at": AT + timedelta(days=1)},
            {"tag": "none"},
        ):
            with storage.begin(read_only=True) as tx:
                document = orjson.loads(page_json(tx.messages.find(MessageQuery(**query))))
            assert document == dump_page(page(storage, **query))

    def test_large_content_comes_back_whole(self) -> None:
        storage = self.make_storage()
        new = a_new_message(a_message("\U0001f600é\x00\u2028" * 250_000))

        add(storage, new)

        assert get(storage, new) == new.message

    def test_an_instant_keeps_its_microseconds(self) -> None:
        storage = self.make_storage()
        new = a_new_message(a_message(at=AT + MICROSECOND, scheduled_for=AT + 3 * MICROSECOND))

        add(storage, new)

        assert get(storage, new) == new.message

    def test_an_unknown_message_is_not_there(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message())

        message = get(storage, a_new_message())

        assert message is None

    def test_a_message_is_not_there_for_another_workspace(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        message = get(storage, evolve(new, workspace=OTHER_WORKSPACE))

        assert message is None

    def test_adding_nothing_is_no_fault(self) -> None:
        storage = self.make_storage()

        add(storage)

        assert walk(storage) == []

    def test_the_newest_message_comes_first(self) -> None:
        storage = self.make_storage()
        first, second, third = a_new_message(), a_new_message(), a_new_message()
        add(storage, first, second)
        add(storage, third)

        assert walk(storage) == ids([third, second, first])
        assert walk(storage, reverse=True) == ids([first, second, third])

    def test_the_order_is_that_of_adding_whatever_the_times_and_ids_say(self) -> None:
        storage = self.make_storage()
        times = [AT, AT - timedelta(days=400), AT + timedelta(days=400), AT - timedelta(days=800)]
        messages = [
            a_new_message(a_message(at=at, id=UUID(int=100 - place)))
            for place, at in enumerate(times)
        ]
        for new in messages:
            add(storage, new)

        assert walk(storage, reverse=True) == ids(messages)

    def test_many_messages_of_one_instant_keep_their_order(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(300)]
        add(storage, *messages)

        assert walk(storage, limit=7, reverse=True) == ids(messages)

    def test_a_page_holds_no_more_than_its_limit_and_the_last_names_no_next(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(5)]
        add(storage, *messages)

        for limit in (1, 2, 4, 5, 6, MAX_LIMIT):
            assert walk(storage, limit=limit, reverse=True) == ids(messages)
        assert page(storage, limit=4).next_page_token is not None
        assert page(storage, limit=5).next_page_token is None

    def test_an_empty_storage_has_one_empty_page(self) -> None:
        empty = page(self.make_storage())

        assert (list(empty.results), empty.next_page_token) == ([], None)

    def test_a_page_tells_the_period_that_was_asked_for(self) -> None:
        period = page(self.make_storage(), start_at=AT, end_at=AT + MILLISECOND)

        assert (period.start_at, period.end_at) == (AT, AT + MILLISECOND)

    def test_every_filter_finds_its_own_and_nothing_else(self) -> None:
        for case in FILTERS:
            storage = self.make_storage()
            first, second = case.matching(), case.matching()
            add(storage, a_new_message(), first, a_new_message(), second, a_new_message())

            assert walk(storage, **case.query, reverse=True) == ids([first, second]), case.query
            assert walk(storage, **case.query, limit=1) == ids([second, first]), case.query

    def test_no_filter_looks_into_another_workspace(self) -> None:
        for case in FILTERS:
            storage = self.make_storage()
            mine, foreign = case.matching(), evolve(case.matching(), workspace=OTHER_WORKSPACE)
            add(storage, foreign, mine, evolve(case.matching(), workspace=OTHER_WORKSPACE))

            assert walk(storage, **case.query) == ids([mine]), case.query

    def test_messages_are_found_by_their_ids(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(30)]
        foreign = a_new_message(workspace=OTHER_WORKSPACE)
        add(storage, *messages, foreign)
        chosen = [messages[20], messages[3], messages[11]]

        message_ids = walk(storage, id=[*ids(chosen), foreign.message.id, uuid4()], limit=1)

        assert message_ids == ids([messages[20], messages[11], messages[3]])

    def test_the_values_of_one_filter_are_joined_by_or(self) -> None:
        storage = self.make_storage()
        a, b, c = (a_new_message(a_message(reference=name, tags=(name,))) for name in "abc")
        both = a_new_message(a_message(reference="a", tags=("a", "b")))
        add(storage, a, b, c, both)

        assert walk(storage, reference=["a", "b"], reverse=True) == ids([a, b, both])
        assert walk(storage, tag=["a", "b"], reverse=True) == ids([a, b, both])
        assert walk(storage, tag=["a", "b"], limit=1) == ids([both, b, a])

    def test_filters_are_joined_by_and(self) -> None:
        storage = self.make_storage()
        match = a_new_message(a_message(tags=("a",), reference="r", at=AT + MILLISECOND))
        add(
            storage,
            match,
            a_new_message(a_message(tags=("a",), at=AT + MILLISECOND)),
            a_new_message(a_message(reference="r", at=AT + MILLISECOND)),
            a_new_message(a_message(tags=("a",), reference="r")),
        )

        message_ids = walk(storage, tag="a", reference="r", start_at=AT + MILLISECOND)

        assert message_ids == ids([match])

    def test_every_filter_goes_together_with_every_other(self) -> None:
        storage = self.make_storage()
        messages = [case.matching() for case in FILTERS]
        add(storage, *messages)
        alone = [set(walk(storage, **case.query)) for case in FILTERS]

        for place, first in enumerate(FILTERS):
            for other_place, other in enumerate(FILTERS[:place]):
                if first.query.keys().isdisjoint(other.query):
                    message_ids = set(walk(storage, **first.query, **other.query))
                    assert message_ids == alone[place] & alone[other_place], (
                        first.query,
                        other.query,
                    )

    def test_a_filter_may_have_a_thousand_values(self) -> None:
        storage = self.make_storage()
        new = a_new_message(a_message(reference="r", tags=("t",), to=A_NUMBER))
        add(storage, a_new_message(), new)
        others = [f"other-{number}" for number in range(999)]

        message_ids = walk(
            storage,
            reference=[*others, "r"],
            tag=[*others, "t"],
            receiver=[*others, A_NUMBER],
            sender=[*others, OUR_NUMBER],
            id=[*(uuid4() for _ in others), new.message.id],
            failure_code=(),
            status=list(Status),
        )

        assert message_ids == ids([new])

    def test_a_period_holds_its_start_and_not_its_end(self) -> None:
        storage = self.make_storage()
        times = [AT - MICROSECOND, AT, AT + MICROSECOND, AT + MILLISECOND]
        messages = [a_new_message(a_message(at=at)) for at in times]
        add(storage, *messages)

        message_ids = walk(storage, start_at=AT, end_at=AT + MILLISECOND, reverse=True)

        assert message_ids == ids(messages[1:3])

    def test_a_period_is_right_after_the_clock_has_stepped_back(self) -> None:
        storage = self.make_storage()
        late, early = (a_new_message(a_message(at=at)) for at in (AT + timedelta(days=1), AT))
        add(storage, late)
        add(storage, early)

        assert walk(storage, end_at=AT + timedelta(hours=1)) == ids([early])
        assert walk(storage, start_at=AT + timedelta(hours=1)) == ids([late])

    def test_an_empty_period_holds_nothing(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message())

        assert walk(storage, start_at=AT, end_at=AT) == []
        assert walk(storage, start_at=AT + MILLISECOND, end_at=AT) == []

    def test_a_subject_is_found_by_whole_words_and_only_on_email(self) -> None:
        storage = self.make_storage()
        mail = a_new_message(a_message(to=AN_ADDRESS, body=a_subject("Half-price shoes")))
        text = a_new_message(a_message(body=a_subject("Half-price shoes")), platform="push")
        add(storage, mail, text)

        assert walk(storage, email_subject="half-price") == ids([mail])
        assert walk(storage, email_subject="shoes half") == ids([mail])
        assert walk(storage, email_subject="price-half") == []
        assert walk(storage, email_subject="shoe") == []
        assert walk(storage, email_subject="shoes boots") == []

    def test_a_search_without_a_word_finds_nothing(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message(a_message(to=AN_ADDRESS, body=a_subject("Hello"))))

        for words in ("", " \t", "--", '"', "''"):
            assert walk(storage, email_subject=words) == [], words
        assert len(walk(storage, email_subject="-- hello")) == 1

    def test_what_no_message_can_have_finds_nothing(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message(a_message(to=AN_ADDRESS, body=a_subject("Hello"), tags=("a",))))

        for name in TEXT_FILTERS:
            for text in HOSTILE_TEXTS:
                assert walk(storage, **{name: text}) == [], (name, text)
                assert walk(storage, **{name: [text, "b"]}, start_at=AT) == [], (name, text)
        for number in (-1, 0, 2**31, 2**63, 2**64, -(2**70)):
            assert walk(storage, failure_code=number) == [], number

    def test_no_search_for_words_is_read_as_anything_else(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message(a_message(to=AN_ADDRESS, body=a_subject("Hello there"))))

        for text in HOSTILE_TEXTS:
            assert walk(storage, email_subject=text) == [], text
        for words in ("hello AND there", "hello OR x", "hello NOT x", "hel*", "subject:hello"):
            assert walk(storage, email_subject=words) == [], words

    def test_a_walk_shows_every_message_once_while_others_arrive(self) -> None:
        for reverse in (False, True):
            storage = self.make_storage()
            there = [a_new_message() for _ in range(20)]
            add(storage, *there)

            seen: list[UUID] = []
            part = page(storage, limit=3, reverse=reverse)
            seen += ids(part.results)
            for step in range(100):
                if part.next_page_token is None:
                    break
                add(storage, a_new_message(a_message(at=AT + (step - 3) * MILLISECOND)))
                part = page(storage, limit=3, reverse=reverse, page_token=part.next_page_token)
                seen += ids(part.results)
                assert len(seen) == len(set(seen))
                if step > 30:
                    break

            assert set(ids(there)) <= set(seen)

    def test_a_walk_shows_every_message_once_while_statuses_change(self) -> None:
        storage = self.make_frugal_storage()
        add(storage, *(a_new_message(a_message(reference=f"{n}")) for n in range(40)))
        steady = set(walk(storage, reference=[f"{n}" for n in range(20)]))
        waiting = {Status.ACCEPTED, Status.PROCESSING}

        seen: list[UUID] = []
        token = None
        for _ in range(200):
            part = page(storage, status=waiting, limit=4, page_token=token)
            seen += ids(part.results)
            for leased in claim(storage, limit=2):
                if leased.message.id not in steady:
                    settle(storage, a_settlement(leased))
            token = part.next_page_token
            if token is None:
                break

        assert token is None
        assert steady <= set(seen)
        assert len(seen) == len(set(seen))

    def test_what_matches_rarely_is_found_in_short_pages_that_end(self) -> None:
        storage = self.make_frugal_storage()
        rare = [a_new_message(a_message(tags=("a",), reference="r")) for _ in range(3)]
        often = [a_new_message(a_message(tags=("a",))) for _ in range(40)]
        often += [a_new_message(a_message(reference="r")) for _ in range(40)]
        add(storage, *often[:30], rare[0], rare[1], *often[30:], rare[2], *often[:0])

        message_ids = walk(storage, tag="a", reference="r", limit=2)

        assert message_ids == ids(reversed(rare))

    def test_a_listing_of_nothing_ends_too(self) -> None:
        storage = self.make_frugal_storage()
        add(storage, *(a_new_message(a_message(tags=("a",))) for _ in range(50)))

        assert walk(storage, tag="a", direction=Direction.INCOMING, limit=1) == []
        assert walk(storage, tag="a", end_at=AT, limit=1) == []
        assert walk(storage, tag="a", status=Status.SENT, limit=1, reverse=True) == []

    def test_a_page_token_may_come_with_another_limit(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(5)]
        add(storage, *messages)
        token = page(storage, limit=2, reverse=True).next_page_token

        message_ids = walk(storage, limit=3, reverse=True, page_token=token)

        assert message_ids == ids(messages[2:])

    def test_a_page_token_is_refused_with_other_filters(self) -> None:
        storage = self.make_storage()
        add(storage, *(a_new_message() for _ in range(5)))
        token = page(storage, limit=2).next_page_token
        others: list[Mapping[str, Any]] = [
            {"reverse": True},
            {"workspace": OTHER_WORKSPACE},
            {"id": UUID(int=1)},
            *(case.query for case in FILTERS),
        ]

        for other in others:
            refused = raised(
                InvalidQueryError,
                lambda query=other: page(storage, **query, page_token=token),  # type: ignore[misc]
            )
            assert [violation.path for violation in refused.violations] == ["/pageToken"], other

    def test_a_broken_page_token_is_refused(self) -> None:
        storage = self.make_storage()
        add(storage, *(a_new_message() for _ in range(5)))
        token = page(storage, limit=2).next_page_token or ""

        for broken in (
            "",
            "x",
            "====",
            token[:-1],
            token + "A",
            token[::-1],
            "é",
            "\ud800",
            "\x00",
        ):
            refused = raised(
                InvalidQueryError,
                lambda text=broken: page(storage, page_token=text),  # type: ignore[misc]
            )
            assert [violation.path for violation in refused.violations] == ["/pageToken"], broken

    def test_keys_in_use_are_found_with_their_messages(self) -> None:
        storage = self.make_storage()
        new = evolve(
            a_new_message(), idempotency=IdempotencyKey(key='o"1\u00e9', request_hash="f" * 64)
        )
        plain = a_new_message()
        add(storage, new, plain, a_new_message(key="o-2"))

        with storage.begin(read_only=True) as tx:
            by_key = tx.messages.by_keys(
                DEFAULT_WORKSPACE, ['o"1\u00e9', "unused", ""], since=_EARLIER
            )

        assert dict(by_key) == {'o"1\u00e9': (new.message.id, new.idempotency)}

    def test_keys_are_found_in_the_transaction_that_uses_them(self) -> None:
        storage = self.make_storage()
        new = a_new_message(key="o-1")

        with storage.begin() as tx:
            before = dict(tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1"], since=_EARLIER))
            tx.messages.add([new])
            after = dict(tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1"], since=_EARLIER))

        assert (before, after) == ({}, {"o-1": (new.message.id, new.idempotency)})

    def test_a_key_belongs_to_its_workspace(self) -> None:
        storage = self.make_storage()
        mine = a_new_message(key="o-1")
        foreign = a_new_message(key="o-1", workspace=OTHER_WORKSPACE)
        add(storage, mine, foreign)

        with storage.begin(read_only=True) as tx:
            by_key = tx.messages.by_keys(OTHER_WORKSPACE, ["o-1"], since=_EARLIER)

        assert by_key["o-1"][0] == foreign.message.id

    def test_counts_are_those_of_the_listing(self) -> None:
        day = timedelta(days=1)
        statuses = (Status.ACCEPTED, Status.SENT, Status.SENT, Status.SKIPPED)
        messages = [
            a_message(status=status, at=AT - day * (number % 2), channel_id=channel)
            for number, status in enumerate(statuses)
            for channel in (_CHANNEL, _NAVIGATOR)
        ]
        storage = self.make_storage()
        add(storage, *map(a_new_message, messages))
        add(storage, evolve(a_new_message(), workspace=OTHER_WORKSPACE))
        for query in (MessageQuery(), MessageQuery(status=Status.SENT, channel_id=_CHANNEL)):
            listed = _listed(storage, query)
            kinds = [(message.status, message.channel_id, message.created_at) for message in listed]
            for by in ((), (CountBy.STATUS,), (CountBy.DAY, CountBy.CHANNEL), tuple(CountBy)):
                counts = _count(storage, query, by)
                expected = count_kinds(Counter(kinds), by, is_exact=True)
                assert sorted(map(repr, counts.counts)) == sorted(map(repr, expected.counts))
                assert (counts.total, counts.is_exact) == (len(listed), True)

    def test_a_count_is_bounded_and_says_so(self) -> None:
        storage = self.make_storage()
        add(storage, *(a_new_message(a_message(tags=("vip",))) for _ in range(5)))
        for query in (MessageQuery(), MessageQuery(tag="vip"), MessageQuery(limit=1)):
            below, exact = (_count(storage, query, (), most=most) for most in (4, 5))
            assert (below.total, below.is_exact, str(below)) == (4, False, "4+")
            assert (exact.total, exact.is_exact, str(exact)) == (5, True, "5")
        assert _count(storage, MessageQuery(tag="none"), ()) == Counts(counts=(), is_exact=True)

    def test_no_keys_find_nothing_and_a_thousand_are_no_fault(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message(key="o-7"))

        with storage.begin(read_only=True) as tx:
            none = tx.messages.by_keys(DEFAULT_WORKSPACE, [], since=_EARLIER)
            many = [f"o-{n}" for n in range(1000)]
            by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, many, since=_EARLIER)

        assert (dict(none), list(by_key)) == ({}, ["o-7"])

    def test_a_key_brings_back_the_fields_it_was_given(self) -> None:
        storage = self.make_storage()
        fields = {"/body/text": "1a", "/meta/x~1\u00e9": "2b"}
        key = IdempotencyKey(key="o-1", request_hash="f" * 64, fields=fields)
        add(storage, a_new_message(idempotency=key), a_new_message(key="o-2"))

        with storage.begin(read_only=True) as tx:
            by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1", "o-2"], since=_EARLIER)

        assert {name: dict(stored_key.fields) for name, (_, stored_key) in by_key.items()} == {
            "o-1": fields,
            "o-2": {},
        }

    def test_a_key_is_in_use_when_its_message_is_younger_than_asked_for(self) -> None:
        storage = self.make_storage()
        add(storage, _keyed("old", AT), _keyed("young", AT + MICROSECOND))

        with storage.begin(read_only=True) as tx:
            by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, ["old", "young"], since=AT)

        assert list(by_key) == ["young"]

    def test_a_key_that_is_used_again_stands_for_the_later_message(self) -> None:
        storage = self.make_storage()
        first, second = _keyed("o-1", AT), _keyed("o-1", AT + MILLISECOND)
        add(storage, first)
        add(storage, second)

        with storage.begin() as tx:
            tx.messages.delete_expired_keys(until=AT, limit=9)
            by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1"], since=_EARLIER)

        assert by_key["o-1"][0] == second.message.id
        assert get(storage, first) == first.message

    def test_the_oldest_keys_are_forgotten_a_few_at_a_time(self) -> None:
        storage = self.make_storage()
        days = [timedelta(days=day) for day in (3, 1, 5, 2, 4)]
        add(storage, *(_keyed(f"{day.days}", AT + day) for day in days))

        left = []
        for _ in range(3):
            with storage.begin() as tx:
                tx.messages.delete_expired_keys(until=AT + timedelta(days=3), limit=2)
                by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, [*"12345"], since=_EARLIER)
            left.append(sorted(by_key))

        assert left == [[*"345"], [*"45"], [*"45"]]

    def test_a_lasting_key_never_grows_old(self) -> None:
        storage = self.make_storage()
        key = IdempotencyKey(key="o-1", request_hash="f" * 64, lasting=True)
        add(storage, a_new_message(idempotency=key))
        later = AT + timedelta(days=1000)

        with storage.begin() as tx:
            tx.messages.delete_expired_keys(until=later, limit=9)
            by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1"], since=later)

        assert [stored_key for _, stored_key in by_key.values()] == [key]

    def test_forgetting_keys_is_rolled_back_with_everything_else(self) -> None:
        storage = self.make_storage()
        add(storage, _keyed("o-1", AT))

        def forget_and_fail() -> None:
            with storage.begin() as tx:
                tx.messages.delete_expired_keys(until=AT, limit=1)
                raise KeyError

        raised(KeyError, forget_and_fail)

        with storage.begin() as tx:
            assert list(tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1"], since=_EARLIER))
            tx.messages.delete_expired_keys(until=AT, limit=1)
            assert not tx.messages.by_keys(DEFAULT_WORKSPACE, ["o-1"], since=_EARLIER)


def _json(storage: Storage, new: NewMessage) -> Any:
    """Return a message as the values of its JSON."""
    with storage.begin(read_only=True) as tx:
        document = tx.messages.get_json(new.workspace, new.message.id)
    return None if document is None else orjson.loads(document)


def _rich_messages() -> list[Message]:
    """Return messages that between them use every kind of field."""
    picture = Image(media_url="https://media.example/a.png", alt_text="A \U0001f600")
    return [
        a_message("Grüße, 世界 \U0001f469\u200d\U0001f680 \u202e"),
        a_message(to=[AN_ADDRESS, "bob@receiver.example"], body=a_subject("Ünïcode")),
        a_message(ImageBody(images=(picture,))),
        a_message(
            HtmlBody(
                html="<p>\u00a0</p>", attachments=(Attachment(filename="ä.txt", content="YQ=="),)
            ),
            to=AN_ADDRESS,
        ),
        an_incoming_message("STOP\r\n"),
        evolve(
            a_message(tags=("a b", "c"), reference="o'1", reply_to=ReplyTo(id="1", type="message")),
            body=None,
            template=TemplateReference(project_id="5", version="latest"),
            meta=Meta(extra_information={"a": [1, {"b": None}], "ключ": 1.5}),
            status=Status.SENDING_FAILED,
            scheduled_for=AT + timedelta(days=1),
            parts=(Part(platform_reference="p-1"), Part(platform_reference="p-2")),
            reason="because",
            details="of this",
            origin=Origin(type="api", id="1"),
            # What to do about a failure is decided once, and not kept.
            failure=a_failure(),
        ),
    ]
