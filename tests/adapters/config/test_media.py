"""Uploaded media from a configuration: stores, secrets, and transports that carry the files."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.config import load_config
from messaging_adapters.media.http import HttpMediaSource
from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.media_stores.s3 import S3MediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_adapters.uploads.linked import LinkedMedia
from messaging_adapters.uploads.presigned import PresignedUpload, Uploads
from messaging_adapters.uploads.source import UploadedMedia
from messaging_adapters.uploads.store_check import check_media_store
from messaging_core import Messenger, Worker
from messaging_core.errors import ConfigurationError, InvalidMessageError
from messaging_core.ports.transport import leaves

SECRET = "a secret for the tests only"
KEY = "an aws secret"
ENVIRONMENT = {"MEDIA_SECRET": SECRET, "AWS_KEY": KEY, "SHORT": "short"}
MEDIA = {
    "store": "folder:media",
    "secret_env": "MEDIA_SECRET",
    "base_url": "https://shop.example/messaging",
}


def shop(folder: Path | None = None, **media: Any) -> dict[str, Any]:
    """Return a configuration with channels whose transports take media in several ways."""
    where = {} if folder is None else {"store": f"folder:{folder}"}
    return {
        "media": {name: value for name, value in (MEDIA | where | media).items() if value},
        "channels": {
            "mail": {"platform": "email", "sender": "a@shop.example", "transport": "smtp://b"},
            "news": {"platform": "email", "sender": "n@shop.example", "transport": "smtp://b"},
            "web": {
                "platform": "email",
                "sender": "w@shop.example",
                "transport": "smtp://b?fetch_media=true",
            },
            "mms": {
                "platform": "sms",
                "sender": "+31600000000",
                "mms": True,
                "transport": "twilio://AC00000000000000000000000000000000:token@",
            },
        },
    }


def uploads_of(**media: Any) -> Uploads:
    uploads = load_config(shop(**media)).make_uploads(ENVIRONMENT)
    assert uploads is not None
    return uploads


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call()
    return str(caught.value)


def write(uploads: Uploads, created: PresignedUpload, content: bytes) -> None:
    writer = uploads.store.begin(uploads.authorize(created.upload_form_data).file, len(content))
    writer.write(content)
    assert writer.commit()


def test_the_table_has_the_settings_of_uploads() -> None:
    limits = {"max_bytes": 5 * 2**30, "lifetime": 60, "link_lifetime": 3600, "idle_timeout": 5}
    uploads = uploads_of(**limits, direct_downloads=True)

    assert isinstance(uploads.store, FolderMediaStore)
    assert uploads.store.root == Path("media")
    assert (uploads.secret, uploads.base_url) == (SECRET, MEDIA["base_url"])
    assert (uploads.max_bytes, uploads.lifetime) == (5 * 2**30, timedelta(minutes=1))
    assert (uploads.link_lifetime, uploads.idle_timeout) == (timedelta(hours=1), timedelta(0, 5))
    assert (uploads.direct_uploads, uploads.direct_downloads) == (True, True)


def test_a_folder_starts_from_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "messaging.toml"
    file.write_text(
        '[media]\nstore = "folder:media"\nsecret_env = "MEDIA_SECRET"\n'
        '[http]\npublic_url = "https://shop.example"\n'
        '[channels.a]\nplatform = "sms"\ntransport = "console:"\n'
    )

    uploads = load_config(file).make_uploads(ENVIRONMENT)

    assert uploads is not None
    assert isinstance(uploads.store, FolderMediaStore)
    assert uploads.store.root == tmp_path / "media"
    assert uploads.base_url == "https://shop.example", "the URL of the HTTP surface serves too"


@pytest.mark.parametrize(
    "store",
    [
        "s3://AKID:${AWS_KEY}@shop-media?region=eu-west-1&prefix=media/",
        {
            "type": "s3",
            "bucket": "shop-media",
            "region": "eu-west-1",
            "prefix": "media/",
            "access_key_id": "AKID",
            "secret_access_key_env": "AWS_KEY",
        },
    ],
    ids=["dsn", "table"],
)
def test_a_bucket_is_named_by_a_dsn_or_a_table(store: Any) -> None:
    made = uploads_of(store=store).store

    assert isinstance(made, S3MediaStore)
    assert (made.bucket, made.region, made.prefix) == ("shop-media", "eu-west-1", "media/")
    assert (made.access_key_id, made.secret_access_key) == ("AKID", KEY)


def test_transports_that_carry_bytes_read_the_store_and_others_get_links() -> None:
    config = load_config(shop())
    transports = config.make_transports(ENVIRONMENT)

    mail, web = transports["mail"], transports["web"]
    assert isinstance(mail, SmtpTransport)
    assert isinstance(web, SmtpTransport)
    assert isinstance(mail.media, UploadedMedia)
    assert isinstance(web.media, UploadedMedia)
    assert transports["news"] is mail, "channels with equal settings share a transport"
    assert mail.media.channels == (config.channels["mail"], config.channels["news"])
    assert mail.media.others is None
    assert isinstance(web.media.others, HttpMediaSource)
    assert isinstance(transports["mms"], LinkedMedia)
    assert [type(leaf) for leaf in leaves(transports["mms"])] == [TwilioTransport]
    for transport in (mail, web, transports["mms"].transports[0]):
        transport.close()  # type: ignore[attr-defined]


def test_without_the_table_nothing_changes() -> None:
    config = load_config({name: table for name, table in shop().items() if name != "media"})

    assert config.make_uploads(ENVIRONMENT) is None
    transport = config.transport("mms", ENVIRONMENT)
    assert isinstance(transport, TwilioTransport)
    transport.close()


def mail_with(url: str) -> dict[str, Any]:
    text = {"text": "hi", "attachments": [{"mediaUrl": url, "filename": "a.txt"}]}
    return {
        "receiver": {"contacts": [{"identifierValue": "ada@shop.example"}]},
        "body": {"type": "text", "text": text},
    }


def test_a_messenger_refuses_what_was_not_uploaded_and_sends_what_was(tmp_path: Path) -> None:
    config = shop(tmp_path / "media")
    config["channels"] = {
        "mail": {
            "platform": "email",
            "sender": "a@shop.example",
            "transport": f"file:{tmp_path / 'outbox'}",
        }
    }
    uploads = load_config(config).make_uploads(ENVIRONMENT)
    assert uploads is not None
    created = uploads.create("text/plain")
    with Messenger.from_config(
        config, storage=MemoryStorage(), environment=ENVIRONMENT
    ) as messenger:
        with pytest.raises(InvalidMessageError, match="upload the file first"):
            messenger.send("mail", mail_with(created.media_url))
        write(uploads, created, b"terms")

        messenger.send("mail", mail_with(created.media_url))

        assert Worker(messenger).drain().sent == 1
    (sent,) = (tmp_path / "outbox").rglob("*.*")
    assert "dGVybXM=" in sent.read_text(), "the mail carries the bytes, without a network"


def test_uploads_of_the_host_replace_the_store_of_the_table() -> None:
    store = MemoryMediaStore()
    own = Uploads(store=store, secret=SECRET, base_url="https://shop.example")

    with Messenger.from_config(
        shop(), storage=MemoryStorage(), environment=ENVIRONMENT, media_check=own
    ) as messenger:
        _, transport = messenger.route(messenger.channel("mail").id)

    assert isinstance(transport, SmtpTransport)
    assert isinstance(transport.media, UploadedMedia)
    assert transport.media.uploads.store is store


@pytest.mark.parametrize(
    ("media", "fault"),
    [
        ({"store": None}, "[media] store: missing; write store = "),
        ({"store": 5}, "[media] store: must be a DSN in quotes, or a table"),
        ({"store": "floder:media"}, '"floder" is not one of folder, s3 (did you mean "folder"?)'),
        ({"store": "folder:"}, "[media.store] folder: missing; it is text in quotes"),
        ({"store": {"type": "s3"}}, "[media.store] bucket: missing; it is text in quotes"),
        ({"store": "s3://b?regoin=x"}, '[media.store] regoin: unknown key (did you mean "region"'),
        ({"store": "s3://a@b"}, "access_key_id and secret_access_key_env: give both or neither"),
        ({"secret_env": None}, '[media] secret: missing; write secret_env = "MEDIA_SECRET"'),
        ({"base_url": None}, "[media] base_url: missing; it is the URL by which the world calls"),
        ({"max_bytes": "1 MB"}, "[media] max_bytes: must be a whole number, not text"),
        ({"lifetime": "1h"}, "[media] lifetime: must be a number of seconds, not text"),
        ({"max_size": 5}, "[media] max_size: unknown key"),
        ({"type": "folder"}, "[media] type: unknown key"),
        ({"direct_uploads": "no"}, "[media] direct_uploads: must be true or false, not text"),
    ],
)
def test_a_fault_is_named_with_its_place(media: dict[str, Any], fault: str) -> None:
    said = refused(lambda: load_config(shop(**media)))

    assert fault in said
    assert said.count("\n") == 0, "and no other is named"


@pytest.mark.parametrize(
    ("media", "fault"),
    [
        ({"secret_env": "NOWHERE"}, "[media] secret: the environment has no variable NOWHERE; set"),
        ({"secret_env": "SHORT"}, "[media] secret must have 16 characters or more: make one with"),
        ({"base_url": "shop.example"}, "[media] base_url must be such as https://shop.example/"),
        ({"store": "s3://Shop%20media"}, "[media.store] bucket must be the name of a bucket"),
        (
            {"store": "s3://a:${NOWHERE}@b"},
            "[media.store] secret_access_key: the environment has no variable NOWHERE",
        ),
    ],
)
def test_what_only_the_environment_shows_is_named_when_it_is_made(
    media: dict[str, Any], fault: str
) -> None:
    config = load_config(shop(**media))

    for call in (config.make_uploads, config.make_transports, config.make):
        said = refused(lambda call=call: call(ENVIRONMENT))  # type: ignore[misc]
        assert said.startswith(f"configuration: {fault}")
        assert "\n" not in said


def test_a_secret_never_stands_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "messaging.toml"
    file.write_text(
        f'[media]\nsecret = "{SECRET}"\nbase_url = "https://a.example"\n'
        f'[media.store]\ntype = "s3"\nbucket = "b"\naccess_key_id = "a"\n'
        f'secret_access_key = "{KEY}"\n'
        '[channels.a]\nplatform = "sms"\ntransport = "console:"\n'
    )

    said = refused(lambda: load_config(file))

    assert "[media] secret: never write a secret into this file; write secret_env" in said
    assert "[media.store] secret_access_key: never write a secret into this file" in said
    assert SECRET not in said
    assert KEY not in said


def test_no_secret_is_shown() -> None:
    config = load_config(shop(secret_env=None, secret=SECRET))

    assert SECRET not in repr(config)
    assert SECRET not in repr(config.make_uploads(ENVIRONMENT))


class Broken(MemoryMediaStore):
    """Delete nothing."""

    def delete(self, file_id: Any) -> bool:  # noqa: ARG002 - the port's
        return False


def test_a_store_is_checked_by_writing_reading_and_deleting(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = FolderMediaStore(tmp_path / "media")

    assert check_media_store(store) is None
    assert list((tmp_path / "media" / "files").iterdir()) == []
    broken = [FolderMediaStore(tmp_path / "file" / "media"), Broken()]
    assert [str(check_media_store(other)) for other in broken] == [
        "the folder of media is not available",
        "it does not delete",
    ]
