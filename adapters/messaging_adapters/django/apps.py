"""The app that `INSTALLED_APPS` names."""

from typing import Any

from django.apps import AppConfig
from django.core.signals import setting_changed
from django.db import connections, transaction
from django.db.models.signals import post_migrate

from messaging_adapters.django import conf
from messaging_adapters.django.engine import forget
from messaging_adapters.django.storage import make_tables


class MessagingConfig(AppConfig):
    """Registers the checks, and keeps the tables up to date at every `manage.py migrate`."""

    name = "messaging_adapters.django"
    label = "messaging"
    verbose_name = "Messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals."""
        from messaging_adapters.django import checks  # noqa: F401 - registers the checks

        post_migrate.connect(_update_tables, sender=self)
        setting_changed.connect(_forget_messenger)


def _update_tables(*, using: str, plan: Any = None, **_: Any) -> None:
    """Apply what a newer version of this library has added to the tables.

    `flush` sends the same signal without a plan; it changes no tables.
    """
    if plan is not None and using == conf.database():
        with transaction.atomic(using=using):
            make_tables(connections[using])


def _forget_messenger(*, setting: str, **_: Any) -> None:
    if setting in conf.OF_THE_MESSENGER:
        forget()
