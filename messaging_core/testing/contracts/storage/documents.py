"""What every storage promises about the order and length of what it finds."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import timedelta

from messaging_core.models.messages.received_file import FileState, NewFile, ReceivedFile
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.received_files import a_received_file
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND


class DocumentsContract:
    """Inherit `StorageContract`, which has all of this.

    Most stores over documents hide a `Documents.between` that returns too much. Received files,
    which need nothing but documents, show it.
    """

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_what_is_due_comes_in_its_order_and_no_more_than_asked_for(self) -> None:
        storage = self.make_storage()
        files = {
            number: a_received_file(number, due_at=AT - number * MICROSECOND)
            for number in (2, 1, 4, 3)
        }
        with storage.begin() as tx:
            tx.received_files.add([NewFile(file=file) for file in files.values()])

        pages: list[list[ReceivedFile]] = []
        for _ in range(3):
            with storage.begin() as tx:
                claims = tx.received_files.claim(
                    FileState.WAITING, now=AT, lease=timedelta(hours=1), limit=3
                )
            pages.append([claim.file for claim in claims])

        assert pages == [[files[4], files[3], files[2]], [files[1]], []]
