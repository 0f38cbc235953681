"""What a configuration says about media: where files are kept, and what may be uploaded."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from messaging_adapters.config.settings import Settings
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.lazy import frozen
from messaging_core.ports.configuration import MEDIA_STORES, AdapterType
from messaging_core.ports.media_store import MediaStore

_UPLOADS: Final = AdapterType(make=Uploads, secrets=frozenset({"secret"}))
_STORE: Final = "store"
_BASE_URL: Final = "base_url"
_NO_STORE: Final = 'missing; write store = "folder:media" or store = "s3://bucket?region=eu-west-1"'
_UNSIGNED: Final = (
    'missing; write secret_env = "MEDIA_SECRET", and set it to secrets.token_urlsafe()'
)
_NO_URL: Final = (
    "missing; it is the URL by which the world calls messaging serve, such as"
    ' "https://shop.example/messaging"; [http] public_url serves too'
)


@frozen(kw_only=True)
class MediaSettings:
    """What a configuration says about media.

    Attributes:
        store: Where the files are kept.
        uploads: What may be uploaded, and how it is signed.
    """

    store: Settings
    uploads: Settings

    def uploads_in(self, store: MediaStore) -> Settings:
        """Return the settings that make the uploads of a store."""
        adapter = evolve(_UPLOADS, complete=lambda options: {**options, _STORE: store})
        return evolve(self.uploads, adapter=adapter)


def media_faults(data: Mapping[str, Any], *, in_file: bool) -> Iterator[str]:
    """Yield everything that is wrong with the table of media."""
    table = data.get("media")
    if not isinstance(table, dict) or not table:  # reported with the other keys of the file
        return
    if _STORE not in table:
        yield f"[media] store: {_NO_STORE}"
    elif not isinstance(table[_STORE], str | dict):
        yield "[media] store: must be a DSN in quotes, or a table"
    settings = media_of(data, in_file=in_file)
    if settings is None:
        return
    if isinstance(table.get(_STORE), str | dict):
        yield from (f"[media.store] {fault}" for fault in settings.store.faults())
    missing = {"secret": _UNSIGNED, _BASE_URL: _NO_URL}
    for fault in settings.uploads.faults():
        name, _, text = fault.partition(": ")
        text = missing.get(name, text) if text.startswith("missing") else text
        yield f"[media] {name}: {text}"


def media_of(data: Mapping[str, Any], *, in_file: bool) -> MediaSettings | None:
    """Return what a configuration says about media, if it says something."""
    table = data.get("media")
    if not isinstance(table, dict) or not table:
        return None
    given = {name: value for name, value in table.items() if name != _STORE}
    http = data.get("http")
    if isinstance(http, dict) and isinstance(http.get("public_url"), str):
        given = {_BASE_URL: http["public_url"], **given}
    return MediaSettings(
        store=Settings(group=MEDIA_STORES, given=table.get(_STORE, ""), in_file=in_file),
        uploads=Settings(group="", given=given, in_file=in_file, adapter=_UPLOADS),
    )
