"""What every storage promises about the files of incoming messages."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.status.redaction import removed_file
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.messages.received_file import (
    FileClaim,
    FileState,
    NewFile,
    ReceivedFile,
)
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import a_new_message, an_incoming_message
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, add, raised

_LEASE: Final = timedelta(minutes=5)
_MESSAGE: Final = UUID(int=7)
_URL: Final = "https://media.example/\u00e9"


class ReceivedFilesContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_the_files_of_a_message_come_by_their_numbers(self) -> None:
        storage = self.make_storage()
        first, second = a_received_file(9, number=0), a_received_file(1, number=1)
        other = a_received_file(2, message_id=UUID(int=8))
        _add(storage, second, first, other)

        assert _files(storage) == [first, second]
        assert _files(storage, message_id=UUID(int=8)) == [other]
        assert _files(storage, workspace=OTHER_WORKSPACE) == []

    def test_a_file_is_leased_when_it_is_due_the_oldest_first(self) -> None:
        storage = self.make_storage()
        files = [a_received_file(number, due_at=AT + number * MICROSECOND) for number in (3, 1, 2)]
        _add(storage, *files)

        assert not _has_due(storage, now=AT)
        assert _claim(storage, now=AT) == []
        assert _has_due(storage, now=AT + MICROSECOND)
        first, second = _claim(storage, now=AT + 3 * MICROSECOND, limit=2)
        (third,) = _claim(storage, now=AT + 3 * MICROSECOND)

        assert [claim.file for claim in (first, second, third)] == [files[1], files[2], files[0]]
        assert {claim.fence for claim in (first, second, third)} == {1}
        assert not _has_due(storage, now=AT + _LEASE)

    def test_a_lease_that_ends_makes_a_file_due_again_with_a_higher_fence(self) -> None:
        storage = self.make_storage()
        _add(storage, a_received_file(1))
        (early,) = _claim(storage)

        (late,) = _claim(storage, now=AT + _LEASE)

        assert late.fence > early.fence
        assert not _settle(storage, early, evolve(early.file, state=FileState.STORED))
        assert _settle(storage, late, None)
        assert _files(storage) == []

    def test_only_files_that_wait_or_are_removed_are_due(self) -> None:
        storage = self.make_storage()
        _add(
            storage,
            a_received_file(1, state=FileState.STORED),
            a_received_file(2, state=FileState.FAILED),
            a_received_file(3, state=FileState.REMOVED),
        )

        assert [_claim(storage, state=state) for state in (FileState.STORED, FileState.FAILED)] == [
            [],
            [],
        ]
        assert _claim(storage) == []
        (claim,) = _claim(storage, state=FileState.REMOVED)
        assert claim.file.id == UUID(int=3)
        assert [file.id for file in _files(storage)] == [UUID(int=1), UUID(int=2)]

    def test_what_a_claim_becomes_is_shown(self) -> None:
        storage = self.make_storage()
        _add(storage, a_received_file(1))
        (claim,) = _claim(storage)
        stored = evolve(
            claim.file, state=FileState.STORED, size=3, content_type="image/png", due_at=AT
        )

        assert _settle(storage, claim, stored)

        assert _files(storage) == [stored]
        assert _claim(storage, now=AT + 9 * _LEASE) == []

    def test_a_file_that_failed_waits_until_it_is_due(self) -> None:
        storage = self.make_storage()
        _add(storage, a_received_file(1))
        (claim,) = _claim(storage)
        later = evolve(claim.file, due_at=AT + _LEASE, reason="the server answered 503")

        assert _settle(storage, claim, later)

        assert not _settle(storage, evolve(claim, fence=claim.fence + 1), None)
        assert _claim(storage) == []
        (again,) = _claim(storage, now=AT + _LEASE)
        assert again.file == later
        assert again.fence > claim.fence

    def test_content_is_kept_until_the_file_is_settled(self) -> None:
        storage = self.make_storage()
        files = [a_received_file(number, url=None) for number in (1, 2)]
        with storage.begin() as tx:
            tx.received_files.add(
                [NewFile(file=files[0], content=b"\x00png"), NewFile(file=files[1], content=b"")]
            )
        claim, empty = _claim(storage)

        assert [_content(storage, claim), _content(storage, empty)] == [b"\x00png", b""]
        _settle(storage, claim, evolve(claim.file, due_at=AT + _LEASE))
        (again,) = _claim(storage, now=AT + _LEASE, limit=1)
        assert _content(storage, again) == b"\x00png"
        assert _content(storage, claim) is None
        _settle(storage, again, evolve(again.file, state=FileState.STORED))
        assert _content(storage, again) is None

    def test_a_file_of_a_message_that_goes_is_removed_and_cannot_be_settled(self) -> None:
        for redact in (True, False):
            storage, new = self.make_storage(), a_new_message(an_incoming_message())
            other = a_new_message(an_incoming_message())
            add(storage, new, other)
            file = a_received_file(1, message_id=new.message.id, url=None)
            stays = a_received_file(2, message_id=other.message.id)
            with storage.begin() as tx:
                tx.received_files.add([NewFile(file=file, content=b"x"), NewFile(file=stays)])
            (claim,) = _claim(storage, limit=1)

            _remove(storage, new, redact=redact)

            assert _files(storage, message_id=new.message.id) == []
            assert _files(storage, message_id=other.message.id) == [stays]
            assert _content(storage, claim) is None
            assert not _settle(storage, claim, evolve(claim.file, state=FileState.STORED))
            assert _claim(storage, state=FileState.REMOVED) == []
            (removed,) = _claim(storage, state=FileState.REMOVED, now=AT + _LEASE)
            assert evolve(removed.file, due_at=AT) == removed_file(claim.file)
            assert _settle(storage, removed, None)
            assert _claim(storage, state=FileState.REMOVED, now=AT + 9 * _LEASE) == []

    def test_a_file_in_the_media_store_is_removed_at_once(self) -> None:
        storage, new = self.make_storage(), a_new_message(an_incoming_message())
        add(storage, new)
        file = a_received_file(1, message_id=new.message.id, state=FileState.STORED)
        _add(storage, file, a_received_file(2, message_id=new.message.id, state=FileState.FAILED))

        _remove(storage, new, redact=True)
        _remove(storage, new, redact=False)

        claims = _claim(storage, state=FileState.REMOVED)
        assert [claim.file.id for claim in claims] == [UUID(int=1), UUID(int=2)]
        assert {(claim.file.url, claim.file.name, claim.file.content_type) for claim in claims} == {
            (None, None, None)
        }

    def test_failed_files_of_a_workspace_wait_again_and_count_from_there(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.received_files.add(
                [NewFile(file=a_received_file(1, number=0, url=None), content=b"x")]
            )
        for _ in range(2):
            (claim,) = _claim(storage)
            _settle(storage, claim, evolve(claim.file, state=FileState.FAILED, reason="why"))
            assert _content(storage, claim) is None
            restarted = [_restart(storage, OTHER_WORKSPACE), _restart(storage), _restart(storage)]
            assert restarted == [0, 1, 0]
        (again,) = _claim(storage)

        assert again.file == a_received_file(1, number=0, url=None, earlier_claims=2)
        assert (again.fence, again.attempts) == (3, 1)
        assert _content(storage, again) == b"x"

    def test_failed_files_wait_again_so_many_at_a_time(self) -> None:
        storage = self.make_storage()
        _add(storage, *(a_received_file(number, state=FileState.FAILED) for number in range(3)))
        _add(storage, a_received_file(3, state=FileState.STORED))

        assert [_restart(storage, limit=2) for _ in range(3)] == [2, 1, 0]

    def test_what_was_done_to_files_is_rolled_back(self) -> None:
        storage = self.make_storage()
        _add(storage, a_received_file(1))

        def block() -> None:
            with storage.begin() as tx:
                (claim,) = tx.received_files.claim(FileState.WAITING, now=AT, lease=_LEASE, limit=9)
                assert tx.received_files.settle(claim, None)
                tx.received_files.add([NewFile(file=a_received_file(2), content=b"x")])
                raise KeyError

        raised(KeyError, block)

        assert _files(storage) == [a_received_file(1)]
        (claim,) = _claim(storage)
        assert claim.fence == 1


def a_received_file(id_number: int, **fields: Any) -> ReceivedFile:
    """Return a file that waits, with an id that is a number."""
    file = ReceivedFile(
        id=UUID(int=id_number),
        workspace_id=DEFAULT_WORKSPACE,
        message_id=_MESSAGE,
        number=id_number,
        source="acme",
        url=_URL,
        name="b\u00e9.png",
        content_type="image/png",
        created_at=AT,
        due_at=AT,
    )
    return evolve(file, **fields)


def _add(storage: Storage, *files: ReceivedFile) -> None:
    with storage.begin() as tx:
        tx.received_files.add([NewFile(file=file) for file in files])


def _files(
    storage: Storage, *, message_id: UUID = _MESSAGE, workspace: UUID = DEFAULT_WORKSPACE
) -> list[ReceivedFile]:
    with storage.begin(read_only=True) as tx:
        return tx.received_files.of_message(workspace, message_id)


def _has_due(storage: Storage, *, now: datetime) -> bool:
    with storage.begin(read_only=True) as tx:
        return tx.received_files.has_due(FileState.WAITING, now)


def _claim(
    storage: Storage,
    *,
    state: FileState = FileState.WAITING,
    now: datetime = AT,
    limit: int = 9,
) -> list[FileClaim]:
    with storage.begin() as tx:
        return tx.received_files.claim(state, now=now, lease=_LEASE, limit=limit)


def _content(storage: Storage, claim: FileClaim) -> bytes | None:
    with storage.begin(read_only=True) as tx:
        return tx.received_files.content(claim)


def _settle(storage: Storage, claim: FileClaim, after: ReceivedFile | None) -> bool:
    with storage.begin() as tx:
        return tx.received_files.settle(claim, after)


def _restart(storage: Storage, workspace: UUID = DEFAULT_WORKSPACE, *, limit: int = 9) -> int:
    with storage.begin() as tx:
        return tx.received_files.restart(workspace, now=AT, limit=limit)


def _remove(storage: Storage, new: NewMessage, *, redact: bool) -> None:
    with storage.begin() as tx:
        take = tx.retention.redact if redact else tx.retention.delete
        take([(new.workspace, new.message.id)])
