"""What a configuration says about media: where files are kept, uploads, incoming files."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from messaging_adapters.config.keys import Key, faults_of
from messaging_adapters.config.settings import Settings
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.lazy import frozen
from messaging_core.ports.configuration import MEDIA_STORES, AdapterType
from messaging_core.ports.media_store import MediaStore
from messaging_core.ports.transport import Transport, leaves
from messaging_core.receipts.incoming_media import IncomingMedia

_UPLOADS: Final = AdapterType(make=Uploads, secrets=frozenset({"secret"}))
_STORE: Final = "store"
_INCOMING: Final = "incoming"
_INCOMING_MAX_BYTES: Final = "incoming_max_bytes"
_OF_INCOMING: Final = {
    _INCOMING: Key(kind=bool),
    _INCOMING_MAX_BYTES: Key(kind=int, least=1),
}
_NOT_INCOMING: Final = "nothing of incoming messages is kept; write incoming = true, too"
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
        incoming: What is said about the files of incoming messages.
    """

    store: Settings
    uploads: Settings
    incoming: Mapping[str, Any]

    def uploads_in(self, store: MediaStore) -> Settings:
        """Return the settings that make the uploads of a store."""
        adapter = evolve(_UPLOADS, complete=lambda options: {**options, _STORE: store})
        return evolve(self.uploads, adapter=adapter)

    def incoming_media(
        self, uploads: Uploads, transports: Iterable[Transport]
    ) -> IncomingMedia | None:
        """Return where the files of incoming messages are kept, if they are.

        Args:
            uploads: Those of the configuration; the files are kept in the same store.
            transports: Of the channels; those of providers know how their media are fetched.
        """
        if not self.incoming.get(_INCOMING):
            return None
        # Needs urllib3, without which a configuration that fetches nothing is of use.
        from messaging_adapters.config.media_accounts import AccountsMediaSource  # noqa: PLC0415

        limit = self.incoming.get(_INCOMING_MAX_BYTES)
        return IncomingMedia(
            store=uploads.store,
            base_url=uploads.base_url,
            source=AccountsMediaSource(_media_credentials(transports)),
            **({} if limit is None else {"max_bytes": limit}),
        )


def _media_credentials(transports: Iterable[Transport]) -> list[Any]:
    """Return what the media of each account are fetched with; channels may share an account."""
    accounts: list[Any] = []
    for transport in transports:
        for leaf in leaves(transport):
            credentials = getattr(leaf, "media_credentials", {})
            if credentials and credentials not in accounts:
                accounts.append(credentials)
    return accounts


def media_faults(data: Mapping[str, Any], *, in_file: bool) -> Iterator[str]:
    """Yield everything that is wrong with the table of media."""
    table = data.get("media")
    if not isinstance(table, dict) or not table:  # reported with the other keys of the file
        return
    if _STORE not in table:
        yield f"[media] store: {_NO_STORE}"
    elif not isinstance(table[_STORE], str | dict):
        yield "[media] store: must be a DSN in quotes, or a table"
    yield from (f"[media] {fault}" for fault in _incoming_faults(table))
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


def _incoming_faults(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys about the files of incoming messages."""
    given = _of_incoming(table)
    yield from faults_of(given, _OF_INCOMING)
    if _INCOMING_MAX_BYTES in given and not given.get(_INCOMING):
        yield f"{_INCOMING_MAX_BYTES}: {_NOT_INCOMING}"


def _of_incoming(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name in _OF_INCOMING}


def media_of(data: Mapping[str, Any], *, in_file: bool) -> MediaSettings | None:
    """Return what a configuration says about media, if it says something."""
    table = data.get("media")
    if not isinstance(table, dict) or not table:
        return None
    given = {name: value for name, value in table.items() if name not in {_STORE, *_OF_INCOMING}}
    http = data.get("http")
    if isinstance(http, dict) and isinstance(http.get("public_url"), str):
        given = {_BASE_URL: http["public_url"], **given}
    return MediaSettings(
        store=Settings(group=MEDIA_STORES, given=table.get(_STORE, ""), in_file=in_file),
        uploads=Settings(group="", given=given, in_file=in_file, adapter=_UPLOADS),
        incoming=_of_incoming(table),
    )
