"""What every storage promises about the times at which contacts were written to."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT

_HOUR: Final = timedelta(hours=1)
_LONG_AGO: Final = AT - timedelta(days=400)


class SendHistoryContract:
    """What frequency caps count."""

    def make_storage(self) -> Storage:
        """Return an empty storage."""
        raise NotImplementedError

    def test_what_was_noted_is_counted_by_contact_platform_and_tenant(self) -> None:
        storage = self.make_storage()

        _note(storage, 1, AT + _HOUR)
        _note(storage, 2, AT)
        _note(storage, 3, AT, contact="other")
        _note(storage, 4, AT, platform="email")
        _note(storage, 5, AT, workspace=OTHER_WORKSPACE)

        assert _since(storage, AT) == [(AT, 2), (AT + _HOUR, 1)]
        assert _since(storage, AT, contact="other") == [(AT, 3)]
        assert _since(storage, AT, platform="email") == [(AT, 4)]
        assert _since(storage, AT, workspace=OTHER_WORKSPACE) == [(AT, 5)]

    def test_earlier_ones_are_left_out(self) -> None:
        storage = self.make_storage()
        _note(storage, 1, AT)
        _note(storage, 2, AT + _HOUR)

        assert _since(storage, AT + timedelta(microseconds=1)) == [(AT + _HOUR, 2)]

    def test_a_message_counts_once_at_the_time_noted_last(self) -> None:
        storage = self.make_storage()
        _note(storage, 1, AT)

        _note(storage, 1, AT + _HOUR)

        assert _since(storage, AT) == [(AT + _HOUR, 1)]

    def test_a_message_can_be_counted_at_another_time(self) -> None:
        storage = self.make_storage()
        _note(storage, 1, AT)
        _note(storage, 1, AT, contact="other")
        _note(storage, 2, AT)

        with storage.begin() as tx:
            tx.send_history.move(DEFAULT_WORKSPACE, UUID(int=1), AT + _HOUR)
            tx.send_history.move(OTHER_WORKSPACE, UUID(int=2), AT + _HOUR)
            tx.send_history.move(DEFAULT_WORKSPACE, UUID(int=9), AT)

        assert _since(storage, AT) == [(AT, 2), (AT + _HOUR, 1)]
        assert _since(storage, AT, contact="other") == [(AT + _HOUR, 1)]

    def test_a_message_may_go_to_several_contacts(self) -> None:
        storage = self.make_storage()
        _note(storage, 1, AT)

        _note(storage, 1, AT, contact="other")

        assert _since(storage, AT) == _since(storage, AT, contact="other") == [(AT, 1)]

    def test_what_never_went_is_counted_no_more(self) -> None:
        storage = self.make_storage()
        _note(storage, 1, AT)
        _note(storage, 1, AT, contact="other")
        _note(storage, 2, AT)

        with storage.begin() as tx:
            tx.send_history.remove(OTHER_WORKSPACE, UUID(int=2))
            tx.send_history.remove(DEFAULT_WORKSPACE, UUID(int=1))

        assert _since(storage, AT) == [(AT, 2)]
        assert _since(storage, AT, contact="other") == []

    def test_old_ones_are_forgotten_when_something_new_is_noted(self) -> None:
        storage = self.make_storage()
        _note(storage, 1, AT)
        _note(storage, 2, AT, contact="other")

        _note(storage, 3, AT + 2 * _HOUR, forget_before=AT + _HOUR)

        assert _since(storage, _LONG_AGO) == [(AT + 2 * _HOUR, 3)]
        assert _since(storage, _LONG_AGO, contact="other") == [(AT, 2)]


def _note(  # noqa: PLR0913 - each has a default
    storage: Storage,
    message: int,
    at: datetime,
    *,
    contact: str = "c",
    platform: str = "sms",
    workspace: UUID = DEFAULT_WORKSPACE,
    forget_before: datetime = _LONG_AGO,
) -> None:
    with storage.begin() as tx:
        tx.send_history.record(
            workspace,
            contact,
            platform=platform,
            message_id=UUID(int=message),
            at=at,
            forget_before=forget_before,
        )


def _since(
    storage: Storage,
    since: datetime,
    *,
    contact: str = "c",
    platform: str = "sms",
    workspace: UUID = DEFAULT_WORKSPACE,
) -> list[tuple[datetime, int]]:
    with storage.begin(read_only=True) as tx:
        sends = tx.send_history.since(workspace, contact, platform=platform, since=since)
    return [(at, message_id.int) for at, message_id in sends]
