"""The type `s3`."""

from typing import Final

from messaging_adapters.media_stores.s3 import S3MediaStore
from messaging_core.ports.configuration import AdapterType

STORE: Final = AdapterType(
    make=S3MediaStore,
    secrets=frozenset({"secret_access_key", "session_token"}),
    username="access_key_id",
    password="secret_access_key",  # noqa: S106 - the name of an option
    host="bucket",
    together=[("access_key_id", "secret_access_key")],
)
