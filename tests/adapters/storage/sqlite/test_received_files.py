"""Records of files whose bytes are damaged."""

import sqlite3
from contextlib import closing
from pathlib import Path

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.models import FileState, NewFile
from messaging_core.testing import a_new_message
from messaging_core.testing.builders import an_incoming_message
from messaging_core.testing.contracts.storage.received_files import a_received_file
from messaging_core.testing.contracts.storage.steps import AT, LEASE, add


def test_a_damaged_record_holds_up_no_other_file_and_goes_with_its_message(tmp_path: Path) -> None:
    path, new = tmp_path / "shop.db", a_new_message(an_incoming_message())
    files = [a_received_file(number, message_id=new.message.id) for number in (1, 2)]
    with SqliteStorage(path, exclusive=True) as storage:
        add(storage, new)
        with storage.begin() as tx:
            tx.received_files.add([NewFile(file=file) for file in files])
    with closing(sqlite3.connect(path)) as connection, connection:
        damage = "UPDATE messaging_received_files SET document = 'x' WHERE id = ?"
        connection.execute(damage, (files[0].id.bytes,))

    with SqliteStorage(path, exclusive=True) as storage:
        with storage.begin() as tx:
            listed = tx.received_files.of_message(new.workspace, new.message.id)
            claims = tx.received_files.claim(FileState.WAITING, now=AT, lease=LEASE, limit=9)
            tx.retention.delete([(new.workspace, new.message.id)])
        with storage.begin() as tx:
            removed = tx.received_files.claim(
                FileState.REMOVED, now=AT + LEASE, lease=LEASE, limit=9
            )

    assert listed == [claim.file for claim in claims] == files[1:]
    assert {claim.file.id for claim in removed} == {file.id for file in files}
