"""The telemetry that a configuration names."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from messaging_adapters.telemetry.open_telemetry import OpenTelemetry

TELEMETRIES: Final = ("opentelemetry",)


def make_telemetry(name: str | None) -> "OpenTelemetry | None":
    """Return what records traces and metrics with the global providers, if one is named.

    Raises:
        MissingDependencyError: The API of OpenTelemetry is not installed.
    """
    if name is None:
        return None
    from messaging_adapters.telemetry.open_telemetry import OpenTelemetry  # noqa: PLC0415 - an extra

    return OpenTelemetry()
