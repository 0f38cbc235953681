"""The system checks of the app, each with what to do."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from messaging_adapters.django import conf
from messaging_adapters.django.engine import make_messenger
from messaging_adapters.django.storage import VENDORS, check_tables
from messaging_core.errors import ConfigurationError, SchemaError
from messaging_core.models.common.channel import EMAIL

_TABLE = "messaging_messages"
BACKEND = "messaging_adapters.django.email.EmailBackend"


@register("messaging")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Check what `settings.py` says; no connection is opened and no secret is read."""
    return [*_configuration(), *_database(), *_mail()]


@register("messaging", deploy=True)
def check_secrets(**_: Any) -> list[CheckMessage]:
    """Check that every transport can be made, so that no environment variable is missing."""
    try:
        make_messenger().close()
    except ConfigurationError as error:
        hint = "Set the variables that MESSAGING names in the environment of this process."
        return [Error(line, hint=hint, id="messaging.E005") for line in str(error).splitlines()]
    return []


@register("messaging", Tags.database)
def check_database(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check the tables: `manage.py check --database default`, and before `migrate`."""
    using = conf.database()
    if using not in (databases or ()) or connections[using].vendor not in VENDORS:
        return []
    if _TABLE not in connections[using].introspection.table_names():
        return []  # Django itself says that `migrate` was never run
    try:
        check_tables(connections[using])
    except SchemaError as error:
        hint = f"Run manage.py migrate --database {using}."
        return [checks.Warning("\n".join(error.problems), hint=hint, id="messaging.W001")]
    return []


def _configuration() -> Iterator[CheckMessage]:
    try:
        conf.config()
        conf.options()
    except ConfigurationError as error:
        hint = "See the page “Describe channels in a file” of the documentation."
        for line in str(error).splitlines():
            yield Error(line, hint=hint, id="messaging.E001")


def _database() -> Iterator[CheckMessage]:
    using = conf.database()
    if using not in connections:
        hint = f"DATABASES has {', '.join(connections)}."
        yield Error(
            f"MESSAGING_DATABASE names no database: {using}", hint=hint, id="messaging.E002"
        )
    elif connections[using].vendor not in VENDORS:
        hint = "Name another database with MESSAGING_DATABASE."
        text = f"messages cannot be kept in {connections[using].display_name}"
        yield Error(text, hint=hint, id="messaging.E003")
    elif connections[using].vendor == "postgresql" and not _is_psycopg3():
        hint = "pip install 'messaging-engine[django,postgres]'"
        yield Error("PostgreSQL needs psycopg 3, not psycopg2", hint=hint, id="messaging.E003")


def _is_psycopg3() -> bool:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)


def _mail() -> Iterator[CheckMessage]:
    if settings.EMAIL_BACKEND != BACKEND:
        return
    try:
        channels = conf.config().channels
    except ConfigurationError:
        return  # said already
    email = [name for name, channel in channels.items() if channel.platform == EMAIL]
    name = conf.email_channel()
    if name is not None and name not in email:
        hint = f"MESSAGING has these of email: {', '.join(email) or 'none'}."
        yield Error(
            f"MESSAGING_EMAIL_CHANNEL names no channel of email: {name}",
            hint=hint,
            id="messaging.E004",
        )
    elif not email:
        hint = 'Add a channel with "platform": "email" to MESSAGING.'
        yield Error("EMAIL_BACKEND has no channel to send with", hint=hint, id="messaging.E004")
