"""The engine inside a Django project: its app, and the messenger on Django's connection.

Add `messaging_adapters.django` to `INSTALLED_APPS`, describe the channels in `MESSAGING`, and send
with `messenger` of this package, also inside `transaction.atomic()`.
"""

from messaging_core.errors import MissingDependencyError

try:
    from messaging_adapters.django.engine import DjangoMessenger, messenger
    from messaging_adapters.django.storage import DjangoStorage
except ModuleNotFoundError as error:
    if error.name != "django":
        raise
    raise MissingDependencyError("django", "django") from error

__all__ = ["DjangoMessenger", "DjangoStorage", "messenger"]
