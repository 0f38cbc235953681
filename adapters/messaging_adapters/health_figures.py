"""The figures of a `Health` as the command line and the HTTP surface show them."""

from collections.abc import Callable, Container
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from messaging_core.models.delivery.health import Health, HealthProblem
from messaging_core.models.delivery.worker_state import blocked_since

NameOf = Callable[[UUID], str]
"""Returns the name of a channel."""


@frozen(kw_only=True)
class BacklogFigure:
    """What is due on one lane of a channel.

    Attributes:
        channel: Its name.
    """

    workspace: UUID
    channel: str
    lane: str
    number: int
    oldest_due_at: datetime


@frozen(kw_only=True)
class HealthFigures:
    """Whether messages are delivered in time; see `Health`.

    Attributes:
        in_work: How many messages workers have taken and not finished.
        dead_letters: Of the last day.
        is_exact: False if a number was not counted to its end.
        blocked_channels: The names of those of which no worker asks a provider.
        oldest_receipt_seconds: How long the oldest receipt waits; 0 if none does.
    """

    ready: bool
    problems: tuple[HealthProblem, ...]
    oldest_overdue_seconds: float
    due: int
    in_work: int
    in_doubt: int
    dead_letters: int
    is_exact: bool
    workers: int
    silent_workers: int
    blocked_channels: tuple[str, ...]
    oldest_receipt_seconds: float
    backlog: tuple[BacklogFigure, ...]


def figures_of(
    health: Health,
    name_of: NameOf,
    *,
    workspace: UUID | None = None,
    channels: Container[UUID] = (),
) -> HealthFigures:
    """Return the figures of a health, with the backlog and channels of all workspaces or of one.

    The problems, the workers, the messages in work and the receipts are those of all workspaces.

    Args:
        health: Of the engine.
        name_of: Names channels.
        workspace: The only one whose backlog and channels are shown; by default all are.
        channels: Of that workspace.
    """
    backlog = [own for own in health.backlog if workspace in {None, own.workspace}]
    seen = evolve(health, backlog=tuple(backlog))
    blocked = [own for own in _blocked(health) if workspace is None or own in channels]
    receipts = health.at - (health.receipts_since or health.at)
    return HealthFigures(
        ready=health.ready,
        problems=health.problems,
        oldest_overdue_seconds=seen.oldest_overdue.total_seconds(),
        due=seen.due,
        in_work=health.in_flight,
        in_doubt=health.in_doubt,
        dead_letters=health.dead_letters,
        is_exact=health.is_exact,
        workers=len(health.live),
        silent_workers=len(health.silent),
        blocked_channels=tuple(map(name_of, blocked)),
        oldest_receipt_seconds=max(receipts.total_seconds(), 0.0),
        backlog=tuple(
            BacklogFigure(
                workspace=own.workspace,
                channel=name_of(own.channel_id),
                lane=own.lane.name.lower(),
                number=own.number,
                oldest_due_at=own.oldest_due_at,
            )
            for own in backlog
        ),
    )


def _blocked(health: Health) -> list[UUID]:
    channels = dict.fromkeys(
        state.channel_id for worker in health.live for state in worker.channels
    )
    return [channel for channel in channels if blocked_since(health.live, channel)]
