import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from messaging_adapters.media.folder import FolderMediaSource
from messaging_core.errors import MediaError
from messaging_core.ports.media import Media

BASE = "https://files.example/media"


@pytest.fixture
def source(tmp_path: Path) -> FolderMediaSource:
    root = tmp_path / "root"
    (root / "in here").mkdir(parents=True)
    (root / "a.png").write_bytes(b"picture")
    (root / "in here" / "ü.tar.gz").write_bytes(b"archive")
    (root / "blob").write_bytes(b"blob")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "root-secret.txt").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "alias.png").symlink_to(root / "a.png")
    (root / "ring").symlink_to(root / "ring")
    os.mkfifo(root / "pipe")
    return FolderMediaSource(root, BASE + "/")


@pytest.mark.parametrize(
    ("path", "content", "content_type"),
    [
        ("a.png", b"picture", "image/png"),
        ("alias.png", b"picture", "image/png"),
        ("in%20here/%C3%BC.tar.gz", b"archive", "application/octet-stream"),
        ("blob", b"blob", "application/octet-stream"),
    ],
)
def test_files_of_the_folder_are_served(
    source: FolderMediaSource, path: str, content: bytes, content_type: str
) -> None:
    file = source.read(f"{BASE}/{path}", 7)

    assert file == Media(content=content, content_type=content_type)


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}/../secret.txt",
        f"{BASE}/%2e%2e/secret.txt",
        f"{BASE}/..%2fsecret.txt",
        f"{BASE}/..%5csecret.txt",
        f"{BASE}/in%20here/../../secret.txt",
        f"{BASE}//etc/passwd",
        f"{BASE}/%2fetc%2fpasswd",
        f"{BASE}/C:%5cautoexec.bat",
        f"{BASE}/a.png%00.txt",
        f"{BASE}/link",
        f"{BASE}/up/secret.txt",
        f"{BASE}/ring",
        f"{BASE}/pipe",
        f"{BASE}/in%20here",
        f"{BASE}/missing",
        f"{BASE}/{'a' * 300}",
        f"{BASE}/\ud800",
        f"{BASE}/a.png/more",
        f"{BASE}/",
        BASE,
        f"{BASE}-secret.txt",
        "https://other.example/media/a.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
    ],
)
def test_nothing_else_is(source: FolderMediaSource, url: str) -> None:
    with pytest.raises(MediaError) as caught:
        source.read(url, 100)

    assert caught.value.permanent
    assert "secret" not in caught.value.reason


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Give up the rights of root, who may enter every folder."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield
    if is_root:
        os.seteuid(0)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_may_not_be_entered_is_asked_again_later() -> None:
    with TemporaryDirectory() as name:
        (Path(name) / "closed").mkdir()
        (Path(name) / "closed" / "a.png").write_bytes(b"picture")
        (Path(name) / "closed").chmod(0)

        with pytest.raises(MediaError, match="cannot be read") as caught:
            FolderMediaSource(name, BASE).read(f"{BASE}/closed/a.png", 100)

        (Path(name) / "closed").chmod(0o700)
    assert not caught.value.permanent


def test_a_file_that_is_too_large_is_refused(source: FolderMediaSource) -> None:
    with pytest.raises(MediaError, match="larger than 6 bytes") as caught:
        source.read(f"{BASE}/a.png", 6)

    assert caught.value.permanent
