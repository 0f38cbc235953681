"""Uploaded media in memory, for tests and trials."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import attrs

from messaging_core.errors import MediaError
from messaging_core.ports.media_store import MediaFile, MediaStore, MediaWriter

_PIECE: Final = 256 * 1024


class MemoryMediaStore(MediaStore):
    """Keep files in this process; they are lost when it ends."""

    def __init__(self) -> None:
        self._files: dict[UUID, tuple[MediaFile, bytes]] = {}

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        return _Writer(self._files, file, limit)

    def find(self, file_id: UUID) -> MediaFile | None:
        stored = self._files.get(file_id)
        return stored[0] if stored else None

    def read(self, file_id: UUID) -> Iterator[bytes]:
        stored = self._files.get(file_id)
        if stored is None:
            raise MediaError("there is no such file", permanent=True)
        content = stored[1]
        return (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))

    def delete(self, file_id: UUID) -> bool:
        return self._files.pop(file_id, None) is not None


class _Writer(MediaWriter):
    def __init__(
        self, files: dict[UUID, tuple[MediaFile, bytes]], file: MediaFile, limit: int
    ) -> None:
        self._files, self._file, self._limit = files, file, limit
        self._content = bytearray()

    def write(self, chunk: bytes) -> None:
        if len(self._content) + len(chunk) > self._limit:
            raise MediaError(f"it is larger than {self._limit} bytes", permanent=True)
        self._content += chunk

    def commit(self) -> bool:
        stored = (attrs.evolve(self._file, size=len(self._content)), bytes(self._content))
        # `setdefault` is atomic, so of several writers one is the first.
        return self._files.setdefault(self._file.id, stored) is stored

    def abort(self) -> None:
        self._content.clear()
