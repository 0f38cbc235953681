"""What every storage promises about webhook subscriptions and deliveries."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.webhook import (
    EventFilter,
    MessageWebhook,
    WebhookClaim,
    WebhookDelivery,
    WebhookScheme,
    WebhookStatus,
    WebhookSubscription,
)
from messaging_core.models.messages.status import Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import a_new_message
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, raised

_URL: Final = "https://shop.example/"
_KEY: Final = "a signing key \u00e9"
_LEASE: Final = timedelta(minutes=1)
_LONGEST: Final = 200 * _LEASE
_FIRST: Final = (DEFAULT_WORKSPACE, UUID(int=1))


class WebhooksContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_subscription_is_stored_with_its_key_for_its_workspace(self) -> None:
        storage = self.make_storage()
        first = a_webhook_subscription(
            9,
            event_filters=(EventFilter(key="channelId", value="x"),),
            scheme=WebhookScheme.STANDARD,
        )
        second = a_webhook_subscription(1)

        _subscribe(storage, first, key=_KEY)
        _subscribe(storage, second, key=None)
        _subscribe(storage, a_webhook_subscription(2, workspace=OTHER_WORKSPACE))

        with storage.begin(read_only=True) as tx:
            assert tx.webhooks.of_workspace(DEFAULT_WORKSPACE) == [first, second]
            assert tx.webhooks.get(DEFAULT_WORKSPACE, first.id) == first
            assert tx.webhooks.get(OTHER_WORKSPACE, first.id) is None
            assert tx.webhooks.signing_key(DEFAULT_WORKSPACE, first.id) == _KEY
            assert tx.webhooks.signing_key(DEFAULT_WORKSPACE, second.id) is None
            assert tx.webhooks.signing_key(OTHER_WORKSPACE, first.id) is None

    def test_an_updated_subscription_keeps_its_key_and_its_place(self) -> None:
        storage = self.make_storage()
        first, second = a_webhook_subscription(1), a_webhook_subscription(2)
        _subscribe(storage, first)
        _subscribe(storage, second)
        disabled = evolve(first, status=WebhookStatus.DISABLED, updated_at=AT + _LEASE)

        with storage.begin() as tx:
            tx.webhooks.update(disabled)
            tx.webhooks.update(a_webhook_subscription(3))
            tx.webhooks.update(evolve(second, workspace_id=OTHER_WORKSPACE))

        with storage.begin(read_only=True) as tx:
            assert tx.webhooks.of_workspace(DEFAULT_WORKSPACE) == [disabled, second]
            assert tx.webhooks.of_workspace(OTHER_WORKSPACE) == []
            assert tx.webhooks.signing_key(DEFAULT_WORKSPACE, first.id) == _KEY

    def test_subscriptions_keep_the_order_in_which_they_were_added(self) -> None:
        storage = self.make_storage()
        for number in (1, 3, 2):
            _subscribe(storage, a_webhook_subscription(number))

        with storage.begin() as tx:
            tx.webhooks.delete(DEFAULT_WORKSPACE, UUID(int=1))
            tx.webhooks.delete(DEFAULT_WORKSPACE, UUID(int=3))
        _subscribe(storage, a_webhook_subscription(1))

        with storage.begin(read_only=True) as tx:
            ids = [own.id.int for own in tx.webhooks.of_workspace(DEFAULT_WORKSPACE)]
        assert ids == [2, 1]

    def test_a_deleted_subscription_takes_its_deliveries_along(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        _subscribe(storage, a_webhook_subscription(2))
        _deliver(storage, a_webhook(1), a_webhook(2, is_dead=True), a_webhook(3, subscription=2))

        with storage.begin() as tx:
            deleted = [
                tx.webhooks.delete(workspace, UUID(int=1))
                for workspace in (OTHER_WORKSPACE, DEFAULT_WORKSPACE, DEFAULT_WORKSPACE)
            ]

        assert deleted == [False, True, False]
        assert _claim(storage) is None
        assert _dead(storage) == []
        assert _due(storage) == [UUID(int=2)]

    def test_the_delivery_that_is_due_first_is_claimed_first(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        late, first = a_webhook(1, due_at=AT + MICROSECOND), a_webhook(2)
        dead, other = a_webhook(3, is_dead=True), a_webhook(4, subscription=2)
        _deliver(storage, late, first, dead, other)

        claims = [_claim(storage, now=AT), _claim(storage, now=AT)]
        later = _claim(storage, now=AT + MICROSECOND)

        assert [claim and claim.delivery for claim in claims] == [first, None]
        assert later is not None
        assert later.delivery == late

    def test_a_subscription_is_due_while_it_has_something_to_claim(self) -> None:
        storage = self.make_storage()
        for number in (1, 2, 3):
            _subscribe(storage, a_webhook_subscription(number))
        _deliver(storage, a_webhook(1), a_webhook(2, subscription=3, is_dead=True))

        assert _due(storage, now=AT - MICROSECOND) == []
        assert _due(storage) == [UUID(int=1)]
        _claim(storage)
        assert _due(storage) == []
        assert _due(storage, now=AT + _LEASE) == [UUID(int=1)]

    def test_a_lease_that_ended_is_void(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        _deliver(storage, a_webhook(1))
        first = _claim(storage)
        assert first is not None
        assert _claim(storage, now=AT + _LEASE - MICROSECOND) is None
        second = _claim(storage, now=AT + _LEASE)
        assert second is not None

        assert not _settle(storage, first, None)
        assert not _settle(storage, first, evolve(first.delivery, attempts=1))
        assert _settle(storage, second, None)
        assert not _settle(storage, second, None)
        assert _claim(storage, now=AT + 9 * _LEASE) is None

    def test_a_delivery_that_failed_is_claimed_again_when_it_is_due(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        _deliver(storage, a_webhook(1))
        claim = _claim(storage)
        assert claim is not None
        after = evolve(claim.delivery, due_at=AT + 3 * _LEASE, attempts=1, failure="503")

        assert _settle(storage, claim, after)

        assert _claim(storage, now=AT + 3 * _LEASE - MICROSECOND) is None
        again = _claim(storage, now=AT + 3 * _LEASE)
        assert again is not None
        assert again.delivery == after

    def test_dead_deliveries_are_listed_and_begin_again(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        dead = [
            a_webhook(number, due_at=AT - number * _LEASE, is_dead=True, attempts=9)
            for number in (1, 2, 3)
        ]
        _deliver(storage, *dead, a_webhook(4, due_at=AT + 99 * _LEASE))

        assert _dead(storage, limit=2) == [dead[2], dead[1]]
        assert _dead(storage, workspace=OTHER_WORKSPACE) == []
        with storage.begin() as tx:
            restarted = [
                tx.webhooks.restart(workspace, now=AT, expires_at=AT + _LEASE, limit=2)
                for workspace in (OTHER_WORKSPACE, DEFAULT_WORKSPACE)
            ]

        assert restarted == [0, 2]
        assert _dead(storage) == [dead[0]]
        claims = [_claim(storage), _claim(storage), _claim(storage)]
        assert [claim and claim.delivery for claim in claims] == [
            evolve(delivery, due_at=AT, expires_at=AT + _LEASE, attempts=0, is_dead=False)
            for delivery in (dead[1], dead[2])
        ] + [None]

    def test_old_dead_deliveries_are_forgotten(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        old = [a_webhook(number, is_dead=True) for number in (1, 2)]
        new = a_webhook(3, due_at=AT + MICROSECOND, is_dead=True)
        _deliver(storage, *old, new, a_webhook(4))

        with storage.begin() as tx:
            forgotten = [
                tx.webhooks.forget_dead(before=AT + MICROSECOND, limit=1) for _ in range(3)
            ]

        assert forgotten == [1, 1, 0]
        assert _dead(storage) == [new]
        assert _claim(storage) is not None

    def test_receivers_that_are_due_are_paged_by_their_ids(self) -> None:
        storage = self.make_storage()
        urls = [f"https://shop{number}.example/" for number in range(5)]
        asked = [
            a_webhook(number, subscription=None, url=url, host="shop.example")
            for number, url in enumerate(urls, 1)
        ]
        again = a_webhook(9, subscription=None, url=urls[0])
        waiting = a_webhook(10, subscription=None, url="https://x.example/", due_at=AT + _LEASE)
        _deliver(storage, *asked, again, waiting)
        expected = sorted(delivery.receiver_id for delivery in asked)

        pages = [
            _due(storage, limit=2),
            _due(storage, after=expected[1], limit=2),
            _due(storage, after=expected[3], limit=2),
        ]

        assert pages == [expected[:2], expected[2:4], expected[4:]]
        assert again.receiver_id in expected
        with storage.begin(read_only=True) as tx:
            (first, *_) = tx.webhooks.due(AT, longest=_LONGEST, after=None, limit=1)
        assert first.host in {"shop.example", ""}

    def test_deliveries_of_one_message_go_one_after_the_other(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        first = a_webhook(3, position=1, due_at=AT + _LEASE)
        second = a_webhook(2, position=2, message_id=first.message_id)
        third = a_webhook(1, position=3, message_id=first.message_id)
        _deliver(storage, first)
        _deliver(storage, second)
        assert _due(storage) == []
        assert _claim(storage) is None

        claim = _claim(storage, now=AT + _LEASE)
        assert claim is not None
        assert claim.delivery == first
        _deliver(storage, third)
        assert _claim(storage, now=AT + _LEASE) is None
        assert _settle(storage, claim, evolve(first, attempts=1, due_at=AT + 2 * _LEASE))
        assert _claim(storage, now=AT + _LEASE) is None
        taken = [self._settled(storage, AT + 2 * _LEASE) for _ in range(4)]

        assert taken == [first.id, second.id, third.id, None]

    @staticmethod
    def _settled(storage: Storage, now: datetime) -> UUID | None:
        """Claim a delivery and let it arrive."""
        claim = _claim(storage, now=now)
        if claim is not None:
            assert _settle(storage, claim, None)
        return claim.delivery.id if claim else None

    def test_a_dead_delivery_holds_up_none_of_its_message(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        first = a_webhook(1)
        second = a_webhook(2, message_id=first.message_id)
        _deliver(storage, first, second)
        claim = _claim(storage)
        assert claim is not None

        assert _settle(storage, claim, evolve(first, is_dead=True))
        following = _claim(storage)

        assert following is not None
        assert following.delivery == second

    def test_dead_deliveries_of_one_message_begin_again_in_their_order(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        last = a_webhook(4, position=4)
        dead = [
            a_webhook(number, message_id=last.message_id, due_at=AT - number * _LEASE, is_dead=True)
            for number in (1, 2, 3)
        ]
        _deliver(storage, *dead, last)

        with storage.begin() as tx:
            restarted = tx.webhooks.restart(DEFAULT_WORKSPACE, now=AT, expires_at=AT, limit=9)

        assert restarted == 3  # noqa: PLR2004 - all of them
        taken = [self._settled(storage, AT) for _ in range(5)]
        assert taken == [UUID(int=1), UUID(int=2), UUID(int=3), last.id, None]

    def test_a_delivery_from_before_the_clock_was_set_back_is_due(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        _deliver(storage, a_webhook(1, due_at=AT + _LONGEST))
        assert _due(storage) == []
        assert _claim(storage) is None

        earlier = AT - MICROSECOND

        assert _due(storage, now=earlier) == [UUID(int=1)]
        assert _claim(storage, now=earlier) is not None
        assert _claim(storage, now=earlier) is None

    def test_a_subscription_that_cannot_be_read_hides_no_other(self) -> None:
        storage = self.make_storage()
        damaged: Any = "torn"
        _subscribe(storage, a_webhook_subscription(1, scheme=damaged))
        _subscribe(storage, a_webhook_subscription(2))

        with storage.begin(read_only=True) as tx:
            assert tx.webhooks.of_workspace(DEFAULT_WORKSPACE) == [a_webhook_subscription(2)]

    def test_a_delivery_that_cannot_be_read_holds_up_no_other(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        damaged: Any = "torn"
        torn = a_webhook(1, status=damaged)
        following = a_webhook(2, message_id=torn.message_id)
        _deliver(storage, torn, following, a_webhook(3))

        taken = [self._settled(storage, AT) for _ in range(3)]

        assert taken == [following.id, UUID(int=3), None]
        with storage.begin(read_only=True) as tx:
            assert tx.webhooks.damaged(limit=9) == [torn.id]
            assert tx.webhooks.dead(DEFAULT_WORKSPACE, limit=9) == []

    def test_the_url_of_a_message_is_kept_until_it_is_deleted_or_redacted(self) -> None:
        storage = self.make_storage()
        first, second = a_new_message(), a_new_message()
        for new in (first, second):
            message = evolve(new.message, status=Status.SENT)
            with storage.begin() as tx:
                tx.messages.add([evolve(new, message=message, delivery=None)])
                webhook = MessageWebhook(
                    workspace_id=new.workspace, message_id=message.id, url=f"{_URL}{message.id}"
                )
                tx.webhooks.add_urls([webhook])

        def urls() -> list[str | None]:
            with storage.begin(read_only=True) as tx:
                return [
                    tx.webhooks.url_of(new.workspace, new.message.id) for new in (first, second)
                ]

        assert urls() == [f"{_URL}{first.message.id}", f"{_URL}{second.message.id}"]
        with storage.begin() as tx:
            assert tx.webhooks.url_of(OTHER_WORKSPACE, first.message.id) is None
            tx.retention.delete([(first.workspace, first.message.id)])
            tx.retention.redact([(second.workspace, second.message.id)])
        assert urls() == [None, None]

    def test_what_was_done_to_webhooks_is_rolled_back(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, a_webhook_subscription(1))
        _deliver(storage, a_webhook(1), a_webhook(2, is_dead=True))

        def block() -> None:
            with storage.begin() as tx:
                claim = tx.webhooks.claim(*_FIRST, now=AT, lease=_LEASE, longest=_LONGEST)
                assert claim is not None
                assert tx.webhooks.settle(claim, None)
                tx.webhooks.restart(DEFAULT_WORKSPACE, now=AT, expires_at=AT, limit=9)
                tx.webhooks.add(a_webhook_subscription(2), signing_key=None)
                tx.webhooks.delete(DEFAULT_WORKSPACE, UUID(int=1))
                raise KeyError

        raised(KeyError, block)

        assert _due(storage) == [UUID(int=1)]
        assert _dead(storage) == [a_webhook(2, is_dead=True)]
        claim = _claim(storage)
        assert claim is not None
        assert claim.delivery == a_webhook(1)


def a_webhook_subscription(
    number: int, *, workspace: UUID = DEFAULT_WORKSPACE, **fields: Any
) -> WebhookSubscription:
    """Return a subscription with an id that is a number."""
    subscription = WebhookSubscription(
        id=UUID(int=number),
        workspace_id=workspace,
        service="channels",
        event="sms.outbound",
        url="https://shop.example/hooks",
        created_at=AT,
        updated_at=AT,
    )
    return evolve(subscription, **fields)


def a_webhook(number: int, *, subscription: int | None = 1, **fields: Any) -> WebhookDelivery:
    """Return a delivery with an id that is a number."""
    delivery = WebhookDelivery(
        id=UUID(int=number),
        subscription_id=UUID(int=subscription) if subscription else None,
        workspace_id=DEFAULT_WORKSPACE,
        message_id=UUID(int=100 + number),
        position=number,
        status=Status.SENT,
        created_at=AT,
        due_at=AT,
        expires_at=AT + 9 * _LEASE,
    )
    return evolve(delivery, **fields)


def _subscribe(
    storage: Storage, subscription: WebhookSubscription, *, key: str | None = _KEY
) -> None:
    with storage.begin() as tx:
        tx.webhooks.add(subscription, signing_key=key)


def _deliver(storage: Storage, *deliveries: WebhookDelivery) -> None:
    with storage.begin() as tx:
        tx.webhooks.add_deliveries(deliveries)


def _due(
    storage: Storage, *, now: datetime = AT, after: UUID | None = None, limit: int = 100
) -> list[UUID]:
    with storage.begin(read_only=True) as tx:
        receivers = tx.webhooks.due(now, longest=_LONGEST, after=after, limit=limit)
    assert all(receiver.workspace_id == DEFAULT_WORKSPACE for receiver in receivers)
    return [receiver.id for receiver in receivers]


def _claim(storage: Storage, *, now: datetime = AT) -> WebhookClaim | None:
    with storage.begin() as tx:
        whose = (OTHER_WORKSPACE, UUID(int=1))
        assert tx.webhooks.claim(*whose, now=now, lease=_LEASE, longest=_LONGEST) is None
        return tx.webhooks.claim(*_FIRST, now=now, lease=_LEASE, longest=_LONGEST)


def _settle(storage: Storage, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
    with storage.begin() as tx:
        return tx.webhooks.settle(claim, after)


def _dead(
    storage: Storage, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = 100
) -> list[WebhookDelivery]:
    with storage.begin(read_only=True) as tx:
        return tx.webhooks.dead(workspace, limit=limit)
