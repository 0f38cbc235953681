"""Uploaded media, for transports that carry the bytes themselves."""

from uuid import UUID

from attrs import define, field

from messaging_adapters.uploads.presigned import AN_UPLOADS, Uploads
from messaging_core.arguments import checked_init, optional, several
from messaging_core.errors import MediaError
from messaging_core.models.common.channel import Channel
from messaging_core.ports.components import A_MEDIA_SOURCE
from messaging_core.ports.media import Media, MediaSource


@checked_init(
    uploads=AN_UPLOADS,
    channels=several("channels", alone=Channel),
    others=optional(A_MEDIA_SOURCE),
)
@define(eq=False, kw_only=True)
class UploadedMedia(MediaSource):
    """Read uploaded files from their store, without any connection.

    A file that none of the channels may send is not read: it belongs to another channel or to
    another workspace.

    Attributes:
        uploads: Made the URLs.
        channels: Whose messages the transport carries.
        others: Reads all other URLs, such as `HttpMediaSource()`; by default they are refused.
    """

    uploads: Uploads
    channels: tuple[Channel, ...] = field(converter=tuple)
    others: MediaSource | None = None

    def read(self, url: str, limit: int) -> Media:
        file_id = self.uploads.file_id_of(url)
        if file_id is not None:
            return self._uploaded(file_id, limit)
        if self.others is None:
            raise MediaError("the URL is not one of an upload", permanent=True)
        return self.others.read(url, limit)

    def _uploaded(self, file_id: UUID, limit: int) -> Media:
        file = self.uploads.store.find(file_id)
        if file is None:
            raise MediaError("nothing was uploaded there", permanent=True)
        if not any(map(file.serves, self.channels)):
            raise MediaError("the file belongs to another channel", permanent=True)
        if file.size > limit:
            raise MediaError(f"it is larger than {limit} bytes", permanent=True)
        content = b"".join(self.uploads.store.read(file_id))
        kind = file.content_type.partition(";")[0].strip().lower()
        return Media(content=content, content_type=kind)
