"""Files out of a folder, and out of nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.files.folder import FolderFiles
from messaging_core.errors import MediaError
from messaging_core.ports.files import NOWHERE, Files, StoredMedia, name_of, url_of
from messaging_core.testing.files import MemoryFiles

CONTENTS = {"terms.pdf": b"%PDF", "2025/list a.csv": b"a;b"}


def in_folder(path: Path) -> Files:
    folder = path / "files"
    (folder / "2025").mkdir(parents=True)
    for name, content in CONTENTS.items():
        folder.joinpath(name).write_bytes(content)
    (path / "secret.txt").write_text("secret")
    return FolderFiles(folder)


def in_memory(_: Path) -> Files:
    return MemoryFiles(CONTENTS)


@pytest.fixture(params=[in_folder, in_memory], ids=["folder", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    make: Callable[[Path], Files] = request.param
    return make(tmp_path)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_is_measured_and_read(files: Files, name: str) -> None:
    assert files.size(name) == len(CONTENTS[name])
    assert files.read(name, 100).content == CONTENTS[name]


def test_what_is_not_there_has_no_size_and_is_never_there(files: Files) -> None:
    assert files.size("nothing.txt") is None
    with pytest.raises(MediaError) as caught:
        files.read("nothing.txt", 100)
    assert caught.value.permanent


def test_no_more_is_read_than_allowed(files: Files) -> None:
    assert files.read("terms.pdf", 4).content == b"%PDF"
    with pytest.raises(MediaError, match="large"):
        files.read("terms.pdf", 3)


def test_a_transport_reads_a_file_by_the_url_that_a_message_has(files: Files) -> None:
    url = url_of(files, "2025/list a.csv")

    assert url == f"{NOWHERE}2025/list%20a.csv"
    assert StoredMedia(files).read(url, 100).content == b"a;b"
    with pytest.raises(MediaError, match="not one of this store"):
        StoredMedia(files).read("https://elsewhere.example/2025/list%20a.csv", 100)


@given(name=st.text(st.characters(exclude_categories=["Cs"])))
def test_the_url_of_a_file_leads_back_to_its_name(name: str) -> None:
    files = MemoryFiles()

    assert name_of(files, url_of(files, name)) == name


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.txt", "2025/../../secret.txt", "..", ".", "", "/", "2025", "2025/", "//x"),
        *("./terms.pdf", "terms.pdf/", " terms.pdf", "..\\secret.txt", "C:secret.txt", "a\0b"),
        *("link.txt", "linked/secret.txt", "ring", "\ud800"),
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    files = in_folder(tmp_path)
    folder = tmp_path / "files"
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "ring").symlink_to(folder / "ring")

    assert files.size(name) is None
    with pytest.raises(MediaError, match="no such file"):
        files.read(name, 100)


def test_an_absolute_path_is_no_name(tmp_path: Path) -> None:
    files = in_folder(tmp_path)

    assert files.size(str(tmp_path / "files" / "terms.pdf")) is None


def test_the_type_is_told_by_the_name(tmp_path: Path) -> None:
    assert in_folder(tmp_path).read("terms.pdf", 100).content_type == "application/pdf"


def test_the_url_of_a_folder_ends_with_a_slash(tmp_path: Path) -> None:
    assert FolderFiles(tmp_path, "https://files.example").base_url == "https://files.example/"
