"""Make the tables of the engine."""

from typing import Any

from django.db import migrations, models

from messaging_adapters.django import conf
from messaging_adapters.django.storage import make_tables


def make(_apps: Any, schema_editor: Any) -> None:
    """Make them where the settings want them; later changes come with `post_migrate`."""
    if schema_editor.connection.alias == conf.database():
        make_tables(schema_editor.connection)


class Migration(migrations.Migration):
    """The tables are those of the engine; reversing keeps them, with the messages."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.RunPython(make, migrations.RunPython.noop),
        migrations.CreateModel(
            name="Message",
            fields=[("id", models.UUIDField(primary_key=True, serialize=False))],
            options={
                "db_table": "messaging_messages",
                "managed": False,
                "default_permissions": ("view", "change"),
            },
        ),
    ]
