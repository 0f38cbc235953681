"""What every storage promises about webhook subscriptions and deliveries."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.webhook import (
    EventFilter,
    WebhookClaim,
    WebhookDelivery,
    WebhookScheme,
    WebhookStatus,
    WebhookSubscription,
)
from messaging_core.models.messages.status import Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, raised

_KEY: Final = "a signing key \u00e9"
_LEASE: Final = timedelta(minutes=1)


class WebhooksContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_subscription_is_stored_with_its_key_for_its_workspace(self) -> None:
        storage = self.make_storage()
        first = _subscription(
            9,
            event_filters=(EventFilter(key="channelId", value="x"),),
            scheme=WebhookScheme.STANDARD,
        )
        second = _subscription(1)

        _subscribe(storage, first, key=_KEY)
        _subscribe(storage, second, key=None)
        _subscribe(storage, _subscription(2, workspace=OTHER_WORKSPACE))

        with storage.begin(read_only=True) as tx:
            assert tx.webhooks.of_workspace(DEFAULT_WORKSPACE) == [first, second]
            assert tx.webhooks.get(DEFAULT_WORKSPACE, first.id) == first
            assert tx.webhooks.get(OTHER_WORKSPACE, first.id) is None
            assert tx.webhooks.signing_key(DEFAULT_WORKSPACE, first.id) == _KEY
            assert tx.webhooks.signing_key(DEFAULT_WORKSPACE, second.id) is None
            assert tx.webhooks.signing_key(OTHER_WORKSPACE, first.id) is None

    def test_an_updated_subscription_keeps_its_key_and_its_place(self) -> None:
        storage = self.make_storage()
        first, second = _subscription(1), _subscription(2)
        _subscribe(storage, first)
        _subscribe(storage, second)
        disabled = evolve(first, status=WebhookStatus.DISABLED, updated_at=AT + _LEASE)

        with storage.begin() as tx:
            tx.webhooks.update(disabled)
            tx.webhooks.update(_subscription(3))
            tx.webhooks.update(evolve(second, workspace_id=OTHER_WORKSPACE))

        with storage.begin(read_only=True) as tx:
            assert tx.webhooks.of_workspace(DEFAULT_WORKSPACE) == [disabled, second]
            assert tx.webhooks.of_workspace(OTHER_WORKSPACE) == []
            assert tx.webhooks.signing_key(DEFAULT_WORKSPACE, first.id) == _KEY

    def test_a_deleted_subscription_takes_its_deliveries_along(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, _subscription(1))
        _subscribe(storage, _subscription(2))
        _deliver(storage, _delivery(1), _delivery(2, is_dead=True), _delivery(3, subscription=2))

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
        _subscribe(storage, _subscription(1))
        late, first = _delivery(1, due_at=AT + MICROSECOND), _delivery(2)
        dead, other = _delivery(3, is_dead=True), _delivery(4, subscription=2)
        _deliver(storage, late, first, dead, other)

        claims = [_claim(storage, now=AT), _claim(storage, now=AT)]
        later = _claim(storage, now=AT + MICROSECOND)

        assert [claim and claim.delivery for claim in claims] == [first, None]
        assert later is not None
        assert later.delivery == late

    def test_a_subscription_is_due_while_it_has_something_to_claim(self) -> None:
        storage = self.make_storage()
        for number in (1, 2, 3):
            _subscribe(storage, _subscription(number))
        _deliver(storage, _delivery(1), _delivery(2, subscription=3, is_dead=True))

        assert _due(storage, now=AT - MICROSECOND) == []
        assert _due(storage) == [UUID(int=1)]
        _claim(storage)
        assert _due(storage) == []
        assert _due(storage, now=AT + _LEASE) == [UUID(int=1)]

    def test_a_lease_that_ended_is_void(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, _subscription(1))
        _deliver(storage, _delivery(1))
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
        _subscribe(storage, _subscription(1))
        _deliver(storage, _delivery(1))
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
        _subscribe(storage, _subscription(1))
        dead = [
            _delivery(number, due_at=AT - number * _LEASE, is_dead=True, attempts=9)
            for number in (1, 2, 3)
        ]
        _deliver(storage, *dead, _delivery(4, due_at=AT + 99 * _LEASE))

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
        _subscribe(storage, _subscription(1))
        old = [_delivery(number, is_dead=True) for number in (1, 2)]
        new = _delivery(3, due_at=AT + MICROSECOND, is_dead=True)
        _deliver(storage, *old, new, _delivery(4))

        with storage.begin() as tx:
            forgotten = [
                tx.webhooks.forget_dead(before=AT + MICROSECOND, limit=1) for _ in range(3)
            ]

        assert forgotten == [1, 1, 0]
        assert _dead(storage) == [new]
        assert _claim(storage) is not None

    def test_what_was_done_to_webhooks_is_rolled_back(self) -> None:
        storage = self.make_storage()
        _subscribe(storage, _subscription(1))
        _deliver(storage, _delivery(1), _delivery(2, is_dead=True))

        def block() -> None:
            with storage.begin() as tx:
                claim = tx.webhooks.claim(UUID(int=1), now=AT, lease=_LEASE)
                assert claim is not None
                assert tx.webhooks.settle(claim, None)
                tx.webhooks.restart(DEFAULT_WORKSPACE, now=AT, expires_at=AT, limit=9)
                tx.webhooks.add(_subscription(2), signing_key=None)
                tx.webhooks.delete(DEFAULT_WORKSPACE, UUID(int=1))
                raise KeyError

        raised(KeyError, block)

        assert _due(storage) == [UUID(int=1)]
        assert _dead(storage) == [_delivery(2, is_dead=True)]
        claim = _claim(storage)
        assert claim is not None
        assert claim.delivery == _delivery(1)


def _subscription(
    number: int, *, workspace: UUID = DEFAULT_WORKSPACE, **fields: Any
) -> WebhookSubscription:
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


def _delivery(number: int, *, subscription: int = 1, **fields: Any) -> WebhookDelivery:
    delivery = WebhookDelivery(
        id=UUID(int=number),
        subscription_id=UUID(int=subscription),
        workspace_id=DEFAULT_WORKSPACE,
        message_id=UUID(int=7),
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


def _due(storage: Storage, *, now: datetime = AT) -> list[UUID]:
    with storage.begin(read_only=True) as tx:
        return [subscription_id for _, subscription_id in tx.webhooks.due(now)]


def _claim(storage: Storage, *, now: datetime = AT) -> WebhookClaim | None:
    with storage.begin() as tx:
        return tx.webhooks.claim(UUID(int=1), now=now, lease=_LEASE)


def _settle(storage: Storage, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
    with storage.begin() as tx:
        return tx.webhooks.settle(claim, after)


def _dead(
    storage: Storage, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = 100
) -> list[WebhookDelivery]:
    with storage.begin(read_only=True) as tx:
        return tx.webhooks.dead(workspace, limit=limit)
