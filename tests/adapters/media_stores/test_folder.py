"""Media in a folder: what stays behind, and what a full or lost disk does."""

from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from uuid import UUID

import pytest

from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_core.errors import MediaError
from messaging_core.ports.clock import SystemClock
from messaging_core.ports.media_store import MediaFile
from messaging_core.testing import ManualClock

FILE = MediaFile(id=UUID(int=1), content_type="image/png", workspace=UUID(int=0))


def test_what_was_left_unfinished_is_removed_after_a_day(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    store = FolderMediaStore(tmp_path, clock=clock)
    left = store.begin(FILE, 10)
    left.write(b"never")
    partial = tmp_path / "partial"

    clock.advance(timedelta(hours=23))
    store.begin(FILE, 10).abort()
    assert len(list(partial.iterdir())) == 1

    clock.advance(timedelta(hours=2))
    store.begin(FILE, 10).abort()
    assert list(partial.iterdir()) == []
    left.abort()


def test_two_processes_see_the_same_files(tmp_path: Path) -> None:
    writer = FolderMediaStore(tmp_path).begin(FILE, 10)
    writer.write(b"one")
    writer.commit()

    assert b"".join(FolderMediaStore(str(tmp_path)).read(FILE.id)) == b"one"  # type: ignore[arg-type]


def test_a_folder_that_is_not_available_is_no_lasting_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = FolderMediaStore(tmp_path / "file" / "media")

    with pytest.raises(MediaError) as caught:
        store.begin(FILE, 10)

    assert not caught.value.permanent
    assert str(tmp_path) not in str(caught.value)


def test_files_are_named_by_their_ids_alone(tmp_path: Path) -> None:
    writer = FolderMediaStore(tmp_path).begin(FILE, 10)
    writer.commit()

    assert [path.name for path in (tmp_path / "files").iterdir()] == [str(FILE.id)]


def test_a_file_whose_folder_was_taken_away_is_not_kept(tmp_path: Path) -> None:
    writer = FolderMediaStore(tmp_path).begin(FILE, 10)
    writer.write(b"one")
    rmtree(tmp_path / "partial")

    with pytest.raises(MediaError) as caught:
        writer.commit()
    writer.abort()

    assert not caught.value.permanent, "the caller may try again"
    assert FolderMediaStore(tmp_path).find(FILE.id) is None
