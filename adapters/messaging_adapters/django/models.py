"""What the admin and its permissions know of a message; the engine has the tables."""

from django.db import models


class Message(models.Model):
    """A message of the engine. It is read with `messenger.find`, never with a query of its own."""

    id = models.UUIDField(primary_key=True)

    class Meta:
        """It makes no table."""

        managed = False
        db_table = "messaging_messages"
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)
