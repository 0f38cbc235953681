"""What every storage promises about reads on which people wait."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from time import monotonic

from messaging_core.errors import ReadTimeoutError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.time_limit import reads_until
from messaging_core.testing.builders import a_new_message
from messaging_core.testing.contracts.storage.steps import add, get, raised

_HOUR = 3600.0


class TimeLimitContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_read_begins_before_its_deadline_only(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)

        with reads_until(monotonic() + _HOUR):
            in_time = get(storage, new)
            with reads_until(monotonic()):
                raised(ReadTimeoutError, lambda: get(storage, new))
            in_time_again = get(storage, new)

        assert in_time == in_time_again == get(storage, new) == new.message

    def test_what_writes_has_no_deadline(self) -> None:
        storage, new = self.make_storage(), a_new_message()

        with reads_until(monotonic()), storage.begin() as tx:
            tx.messages.add([new])
            written = tx.messages.get(new.workspace, new.message.id)

        assert written == get(storage, new) == new.message
