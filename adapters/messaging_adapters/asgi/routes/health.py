"""Whether messages are delivered in time, for load balancers and for people who operate it."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from attrs import evolve, frozen

from messaging_adapters.asgi.call import Call, answer
from messaging_adapters.health_figures import HealthFigures, figures_of
from messaging_core.ports.http import HttpResponse
from messaging_core.wire import dump

UNWELL: Final = 503


class HealthStatus(StrEnum):
    """The words of health checks: all is well, or not."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"


@frozen(kw_only=True)
class ShownHealth:
    """Whether messages are accepted, and delivered in time.

    Attributes:
        details: For callers whose access key may view this; nothing if the storage does not answer.
    """

    status: HealthStatus
    details: HealthFigures | None = None


async def get_health(call: Call) -> HttpResponse:
    """Return whether messages are delivered in time; details only with an access key.

    The status is of the whole engine, and the details are those of the caller's workspace.
    """
    workspace = call.workspace if call.is_allowed else None
    health = await call.service.health.get(workspace)
    if health is None:
        return _shown(ShownHealth(status=HealthStatus.FAIL))
    shown = ShownHealth(status=HealthStatus.PASS if health.ready else HealthStatus.FAIL)
    if call.is_allowed:
        by_id = call.messenger.messenger.channels.by_id
        own = {channel.id for channel in by_id.values() if channel.workspace == call.workspace}

        def name_of(channel_id: UUID) -> str:
            channel = by_id.get(channel_id)
            return channel.name if channel else str(channel_id)

        details = figures_of(health, name_of, workspace=call.workspace, channels=own)
        shown = evolve(shown, details=details)
    return _shown(shown)


def _shown(health: ShownHealth) -> HttpResponse:
    made = answer(dump(health), 200 if health.status is HealthStatus.PASS else UNWELL)
    return evolve(made, headers={**made.headers, "cache-control": "no-store"})
