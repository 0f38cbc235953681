"""What happens on one HTTP/2 connection: bytes in, bytes out (RFC 9113)."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, field
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

Header = tuple[str, str]

_FRAME_HEAD: Final = 9  # bytes, RFC 9113 §4.1
_LARGEST_FRAME: Final = 16_384  # bytes; we announce no other
_GOAWAY: Final = 7
_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_LAST_ID: Final = 2**31 - 1  # RFC 9113 §5.1.1


@define(eq=False)
class Stream:
    """One request, and what came of its answer.

    Attributes:
        id: On the connection.
        limit: The most bytes of the body of the answer.
        start: How many bytes left the connection before those of this request.
        is_sent: The end of the request was queued.
        reset: With which code the server ended it.
    """

    id: int
    limit: int
    start: int = 0
    status: int | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytearray = field(factory=bytearray)
    is_sent: bool = False
    is_answered: bool = False
    reset: int | None = None

    @property
    def is_too_large(self) -> bool:
        """Return whether the body of the answer is larger than allowed."""
        return len(self.body) > self.limit

    @property
    def is_refused(self) -> bool:
        """Return whether the server says that it has processed nothing (RFC 9113 §8.7)."""
        return self.reset == ErrorCodes.REFUSED_STREAM


class Http2Protocol:
    """Follow the streams of a connection; it does no input or output, and has no lock.

    Attributes:
        has_settings: The first settings of the server came.
    """

    def __init__(self) -> None:
        self.has_settings = False
        self._h2 = H2Connection(H2Configuration(client_side=True))
        self._h2.local_settings = Settings(
            client=True, initial_values={SettingCodes.ENABLE_PUSH: 0}
        )
        self._h2.initiate_connection()
        self._streams: dict[int, Stream] = {}
        self._incoming = bytearray()
        self._is_leaving = False
        self._last_processed = _LAST_ID

    @property
    def is_ending(self) -> bool:
        """Return whether there can be no further request."""
        return self._is_leaving or self._h2.highest_outbound_stream_id >= _LAST_ID

    @property
    def max_streams(self) -> int:
        """Return how many requests the server allows at once."""
        return self._h2.remote_settings.max_concurrent_streams

    def is_excluded(self, stream: Stream) -> bool:
        """Return whether the server went away and has processed nothing of a stream."""
        return stream.id > self._last_processed

    def begin(self, headers: Sequence[Header], limit: int, *, has_body: bool) -> Stream:
        """Queue the head of a request."""
        stream = Stream(self._h2.get_next_available_stream_id(), limit, is_sent=not has_body)
        self._h2.send_headers(stream.id, headers, end_stream=not has_body)
        self._streams[stream.id] = stream
        return stream

    def room(self, stream: Stream) -> int:
        """Return how many bytes of a body the server takes now."""
        window = self._h2.local_flow_control_window(stream.id)
        return max(0, min(window, self._h2.max_outbound_frame_size))

    def send(self, stream: Stream, rest: memoryview) -> int:
        """Queue as much of a body as the server takes, and return how much that is."""
        size = min(len(rest), self.room(stream))
        if size:
            stream.is_sent = size == len(rest)
            self._h2.send_data(stream.id, bytes(rest[:size]), end_stream=stream.is_sent)
        return size

    def forget(self, stream: Stream) -> None:
        """End a stream on both sides, so that the server has it no longer open."""
        del self._streams[stream.id]
        if not (stream.is_sent and stream.is_answered) and stream.reset is None:
            with suppress(ProtocolError):  # the connection may have ended
                self._h2.reset_stream(stream.id, ErrorCodes.CANCEL)

    def queued(self) -> bytes:
        """Return what is to be sent, once."""
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take in what came.

        Raises:
            H2Error: It is not HTTP/2.
        """
        self._incoming += data
        for frame in self._frames():
            if frame[3] == _GOAWAY:
                self._go_away(frame)
                continue
            for event in self._h2.receive_data(frame):
                self._apply(event)

    def _frames(self) -> Iterator[bytes]:
        while len(self._incoming) >= _FRAME_HEAD:
            size = int.from_bytes(self._incoming[:3], "big")
            if size > _LARGEST_FRAME:
                raise ProtocolError
            if len(self._incoming) < _FRAME_HEAD + size:
                return
            frame = bytes(self._incoming[: _FRAME_HEAD + size])
            del self._incoming[: _FRAME_HEAD + size]
            yield frame

    def _go_away(self, frame: bytes) -> None:
        # h2 would take this for the end of the connection, and refuse what comes behind it. But
        # the streams that it does not exclude are answered still (RFC 9113 §6.8).
        self._is_leaving = True
        last = int.from_bytes(frame[_FRAME_HEAD : _FRAME_HEAD + 4], "big") & _LAST_ID
        self._last_processed = min(self._last_processed, last)

    def _apply(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self.has_settings = True
        if isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        match event:
            case ResponseReceived():
                stream.headers = event.headers
                stream.status = _status(event.headers)
            case DataReceived() if not stream.is_too_large:
                stream.body += event.data
            case StreamEnded():
                stream.is_answered = True
            case StreamReset():
                stream.reset = int(event.error_code)


def _status(headers: Sequence[tuple[bytes, bytes]]) -> int:
    value = dict(headers).get(b":status", b"")
    if _STATUS.fullmatch(value) is None:
        raise ProtocolError
    return int(value)
