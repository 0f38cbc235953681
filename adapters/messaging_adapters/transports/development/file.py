"""Messages written into a folder, for development: nothing is sent, and all can be read."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import orjson
from attrs import define, field

from messaging_adapters.mail.compose import compose
from messaging_adapters.mail.failures import UnsendableError, outcome_of
from messaging_core.arguments import a_text, checked_init, optional, path, whole
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.content.body import Body
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Content, EmailContent, Envelope
from messaging_core.ports.components import A_MEDIA_SOURCE
from messaging_core.ports.media import MediaSource
from messaging_core.ports.transport import Capabilities, Handoff, Transport

_BAD_FOLDER = "folder is not the name of a folder: give a path without U+0000 and lone surrogates"


def _folder(folder: str | os.PathLike[str]) -> Path:
    try:
        path = Path(folder)
        name = os.fsencode(path)
    except (TypeError, UnicodeEncodeError) as error:
        raise ConfigurationError(_BAD_FOLDER) from error
    if not str(folder) or b"\0" in name:
        raise ConfigurationError(_BAD_FOLDER)
    return path


@checked_init(folder=path, name=a_text, media=optional(A_MEDIA_SOURCE), max_size=whole())
@define(eq=False)
class FileTransport(Transport):
    """Write each message into a folder instead of sending it.

    Email becomes `<message id>.eml`, byte for byte what SMTP would carry, which mail programs
    open; everything else becomes `<message id>.json`. A file is there completely or not at all,
    and only its owner may read it. A message that is sent again replaces its file.

    Attributes:
        folder: Made when the first message comes.
        media: Where attachments come from that an email names by URL.
        max_size: The most bytes of a finished mail.

    Raises:
        ConfigurationError: The folder has a name that no file system can hold.
    """

    folder: Path = field(converter=_folder)
    name: str = field(default="file", kw_only=True)
    media: MediaSource | None = field(default=None, kw_only=True, repr=False)
    max_size: int = field(default=20_000_000, kw_only=True)
    capabilities: Capabilities = field(factory=Capabilities, init=False, repr=False)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        try:
            reference, ending, content = self._document(envelope)
            prepared = self._written(content)
        except UnsendableError as error:
            return error.outcome
        except OSError as error:
            return self._deferred(error)
        path = self.folder / f"{envelope.message_id}.{ending}"
        try:
            handoff()
            return self._put(prepared, path, reference)
        finally:
            _remove(prepared)  # still there where the message did not go

    def _document(self, envelope: Envelope) -> tuple[str, str, bytes]:
        """Return the reference, the file name's ending and the content."""
        if not isinstance(envelope.content, EmailContent):
            return str(envelope.message_id), "json", _json(envelope)
        mail = compose(envelope, envelope.content, media=self.media, limit=self.max_size)
        return mail.message_id, "eml", mail.content

    def _written(self, content: bytes) -> Path:
        """Write everything under a temporary name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".tmp")
        prepared = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except BaseException:  # a full disk, a quota, an interrupt
            _remove(prepared)
            raise
        return prepared

    def _put(self, prepared: Path, path: Path, reference: str) -> Outcome:
        try:
            prepared.replace(path)
        except OSError as error:
            return self._deferred(error)
        return Accepted(references=(reference,), raw=path.name)

    def _deferred(self, error: OSError) -> Outcome:
        failure = Failure(
            code=FailureCode.UNREACHABLE,
            description="the folder cannot be written to",
            source=FailureSource(code=type(error).__name__, name=self.name),
            retry=Retry.TRANSIENT,
        )
        return outcome_of(failure)


def _remove(prepared: Path) -> None:
    with suppress(OSError):  # the folder itself may be gone, or closed to us by now
        prepared.unlink()


def _json(envelope: Envelope) -> bytes:
    return orjson.dumps(
        envelope, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def _plain(value: Any) -> Any:
    """Return an attrs object as a mapping, with its kind where several are possible.

    A span is written in seconds.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not attrs.has(type(value)):
        raise TypeError(f"{type(value).__name__} has no place in JSON")
    kind = {"kind": type(value).__name__} if isinstance(value, Content | Body) else {}
    return kind | {name: getattr(value, name) for name in attrs.fields_dict(type(value))}
