"""What the shop keeps of an order."""

from django.db import models


class Order(models.Model):
    """An order and how to reach the customer."""

    number = models.IntegerField(unique=True)
    phone = models.CharField(max_length=20)

    def __str__(self) -> str:
        """Return its number."""
        return f"order {self.number}"
