"""The type `smtp`."""

from typing import Any, Final

from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port for each way to encrypt."""


def _with_port(options: dict[str, Any]) -> dict[str, Any]:
    return {"port": PORTS[options.get("security", "starttls")], **options}


SMTP: Final = AdapterType(
    make=SmtpTransport,
    secrets=frozenset({"password", "return_path_secret", "dkim_key"}),
    variants={name: {"security": name} for name in PORTS},
    platforms=frozenset({EMAIL}),
    together=[
        ("username", "password"),
        ("return_path", "return_path_secret"),
        ("dkim_domain", "dkim_selector", "dkim_key"),
    ],
    complete=_with_port,
)
