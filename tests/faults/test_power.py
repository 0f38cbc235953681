import random
from pathlib import Path

import pytest

from faults.power import Disk, Loss, cuts
from faults.trace import (
    FolderSynced,
    Opened,
    Operation,
    Removed,
    Said,
    Synced,
    Truncated,
    Written,
    operations,
)

FOLDER = Path("/data")


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


DB = hexed("/data/a.db")


def disk_after(*done: Operation, **before: bytes) -> Disk:
    disk = Disk.holding(before)
    for operation in done:
        disk.do(operation)
    return disk


def found(disk: Disk, loss: Loss) -> dict[str, bytes]:
    return disk.after_power_cut(loss, random.Random(1))  # noqa: S311 - picks what is lost


@pytest.mark.parametrize("loss", Loss)
def test_what_was_synced_is_found_whatever_is_lost(loss: Loss) -> None:
    disk = disk_after(Written("db", 0, b"new"), Synced("db"), db=b"old!")

    assert found(disk, loss) == {"db": b"new!"}


def test_what_was_not_synced_is_found_wholly_by_halves_or_not() -> None:
    disk = disk_after(*(Written("db", place, b"x") for place in range(4)), db=b"....")

    assert found(disk, Loss.NOTHING) == {"db": b"xxxx"}
    assert found(disk, Loss.LAST_HALF) == {"db": b"xx.."}
    assert found(disk, Loss.EVERYTHING) == {"db": b"...."}


def test_later_writes_may_be_found_without_earlier_ones() -> None:
    disk = disk_after(*(Written("db", place, b"x") for place in range(64)), db=b"." * 64)

    content = found(disk, Loss.ANY)["db"]

    assert b".x" in content
    assert b"x." in content


def test_one_write_may_be_found_in_part_by_whole_sectors() -> None:
    disk = disk_after(Written("db", 256, b"x" * 8192), db=b"." * 8448)

    content = found(disk, Loss.TORN)["db"]

    sectors = {content[place : place + 512] for place in range(512, 8192, 512)}
    assert sectors == {b"." * 512, b"x" * 512}


def test_what_was_cut_off_may_come_back_until_the_file_is_synced() -> None:
    cut = Truncated("journal", 2)

    assert found(disk_after(cut, journal=b"hot"), Loss.EVERYTHING) == {"journal": b"hot"}
    assert found(disk_after(cut, journal=b"hot"), Loss.NOTHING) == {"journal": b"ho"}
    synced = disk_after(cut, Synced("journal"), journal=b"hot")
    assert found(synced, Loss.EVERYTHING) == {"journal": b"ho"}


def test_what_was_removed_may_come_back_until_the_folder_is_synced() -> None:
    gone = Removed("journal")

    assert found(disk_after(gone, journal=b"hot"), Loss.EVERYTHING) == {"journal": b"hot"}
    assert found(disk_after(gone, journal=b"hot"), Loss.NOTHING) == {}
    assert found(disk_after(gone, FolderSynced(), journal=b"hot"), Loss.EVERYTHING) == {}


def test_a_new_file_may_be_missing_until_the_folder_is_synced() -> None:
    made = (Opened("wal"), Written("wal", 0, b"new"), Synced("wal"))

    assert found(disk_after(*made), Loss.EVERYTHING) == {}
    assert found(disk_after(*made, FolderSynced()), Loss.EVERYTHING) == {"wal": b"new"}


def test_opening_what_is_there_changes_nothing() -> None:
    disk = disk_after(Opened("db"), db=b"old")

    assert found(disk, Loss.NOTHING) == {"db": b"old"}


def test_a_removed_and_remade_file_is_the_old_or_the_new_one() -> None:
    disk = disk_after(Removed("db"), Opened("db"), Written("db", 0, b"new"), db=b"older")

    assert found(disk, Loss.EVERYTHING) == {"db": b"older"}
    assert found(disk, Loss.NOTHING) == {"db": b"new"}


def test_cuts_come_with_what_was_said_before_them() -> None:
    done: list[Operation] = [
        Written("db", 0, b"1"),
        Synced("db"),
        Said("1\n"),
        Written("db", 0, b"2"),
        Said("2\n"),
    ]

    seen = list(cuts(done, {"db": b"0"}, count=200, seed=1))

    assert len(seen) == 200
    assert {tuple(said) for _, said in seen} == {(), ("1",), ("1", "2")}
    assert {contents["db"] for contents, said in seen if said} == {b"1", b"2"}


def test_calls_on_files_of_the_folder_are_read_from_a_trace() -> None:
    lines = [
        f'7 openat(AT_FDCWD</home>, "{DB}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3<{DB}>',
        f'7 pwrite64(3<{DB}>, "\\x68\\x69", 2, 4096) = 2',
        f"7 ftruncate(3<{DB}>, 512)           = 0",
        f"7 fdatasync(3<{DB}>)                = 0",
        f"7 fsync(4<{hexed('/data')}>)        = 0",
        f'7 unlink("{DB}")                    = 0',
        f'7 write(1<{hexed("pipe:[1]")}>, "{hexed("done")}", 4) = 4',
        "7 +++ exited with 0 +++",
    ]

    assert list(operations(lines, FOLDER)) == [
        Opened("a.db"),
        Written("a.db", 4096, b"hi"),
        Truncated("a.db", 512),
        Synced("a.db"),
        FolderSynced(),
        Removed("a.db"),
        Said("done"),
    ]


def test_what_failed_or_happened_elsewhere_is_left_out_of_a_trace() -> None:
    lines = [
        f'7 unlink("{DB}") = -1 ENOENT (No such file or directory)',
        f'7 pwrite64(3<{hexed("/home/b.db")}>, "\\x68", 1, 0) = 1',
        f'7 write(2<{hexed("/dev/null")}>, "\\x68", 1) = 1',
    ]

    assert list(operations(lines, FOLDER)) == []


def test_a_sync_counts_from_its_end_and_a_write_from_its_beginning() -> None:
    lines = [
        f"7 fsync(3<{DB}> <unfinished ...>",
        f'8 pwrite64(3<{DB}>, "\\x68", 1, 0 <unfinished ...>',
        f"9 ftruncate(3<{DB}>, 1) = 0",
        "8 <... pwrite64 resumed>) = 1",
        "7 <... fsync resumed>) = 0",
    ]

    assert list(operations(lines, FOLDER)) == [
        Written("a.db", 0, b"\x68"),
        Truncated("a.db", 1),
        Synced("a.db"),
    ]


def test_a_call_that_is_not_modelled_is_refused() -> None:
    lines = [f"7 fallocate(3<{DB}>, 0, 0, 4096) = 0"]

    with pytest.raises(AssertionError, match="fallocate"):
        list(operations(lines, FOLDER))
