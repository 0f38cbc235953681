"""Systems of others that get webhooks, and the processes that send to them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from messaging_core.decisions.delivery.webhooks import host_of
from messaging_core.errors import HttpError, StorageError
from messaging_core.lazy import frozen
from messaging_core.models.delivery.event import WEBHOOKS
from messaging_core.models.delivery.webhook import WebhookSubscription
from messaging_core.ports.http import HttpClient, HttpFault, HttpRequest, HttpResponse
from messaging_core.testing.simulation.actors import Stage
from messaging_core.testing.simulation.process import Process
from messaging_core.testing.simulation.scenario import Listener
from messaging_core.testing.simulation.scheduler import Task
from messaging_core.testing.simulation.story import Told
from messaging_core.testing.simulation.world import World

_MOMENT: Final = timedelta(seconds=2)
_PATIENCE: Final = timedelta(minutes=20)
_AGES: Final = timedelta(days=365)
_DAY: Final = timedelta(days=1)


def subscribe(stage: Stage) -> None:
    """Let the listeners that want every event have a subscription for each platform."""
    world = stage.world
    events = dict.fromkeys(
        (line.channel.workspace, f"{line.channel.platform}.outbound")
        for line in world.scenario.lines
    )
    with stage.storage.begin() as tx:
        tx.timeline.subscribe(WEBHOOKS, from_start=True)
        for listener in world.scenario.listeners:
            for workspace, event in events if listener.subscribed else ():
                subscription = WebhookSubscription(
                    id=world.new_id(world.scenario.start),
                    workspace_id=workspace,
                    service="channels",
                    event=event,
                    url=listener.url,
                    created_at=world.scenario.start,
                    updated_at=world.scenario.start,
                )
                tx.webhooks.add(subscription, signing_key=None)
                world.subscriptions.append(subscription)


@frozen(kw_only=True)
class Notifier:
    """A process that sends webhooks, for as long as any waits."""

    stage: Stage

    def run(self, task: Task) -> None:
        """Send, die and come back."""
        process = Process(self.stage.world, task)
        while not self.stage.world.scheduler.is_over:
            process.live(lambda: self._life(process))

    def _life(self, process: Process) -> None:
        world = self.stage.world
        messenger = self.stage.messenger(process)
        sender = messenger.webhook_sender(SimulatedClient(world, process), threads=1)
        while not world.scheduler.is_over:
            patience = world.scheduler.now + _PATIENCE * world.chance.random()
            process.sleep(patience if self._is_waiting() else None)
            if self._is_waiting():
                try:
                    process.call(sender.run_once)
                except StorageError:
                    process.must_live()

    def _is_waiting(self) -> bool:
        now = self.stage.world.scheduler.now + _DAY
        with self.stage.storage.begin(read_only=True) as tx:
            return tx.timeline.is_behind(WEBHOOKS) or bool(
                tx.webhooks.due(now, longest=_AGES, after=None, limit=1)
            )


class SimulatedClient(HttpClient):
    """One process's way to the listeners: it stands still, or dies, before and after a call."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._listeners: Mapping[str, Listener] = {
            host_of(listener.url): listener for listener in world.scenario.listeners
        }

    def send(  # noqa: D102 - the port's
        self,
        request: HttpRequest,
        *,
        before_body: Callable[[], None] | None = None,  # noqa: ARG002 - the port's
        max_answer: int | None = None,  # noqa: ARG002 - the port's
    ) -> HttpResponse:
        process, chance = self._process, self._world.chance
        listener = self._listeners[host_of(request.url)]
        process.step(_MOMENT * chance.random())
        status = self._status(listener)
        if status is None:
            raise _fault(HttpFault.UNREACHABLE)
        if status == listener.TAKEN:
            delivery_id = UUID(request.headers["messagebird-request-id"])
            self._world.told.append(Told(delivery_id=delivery_id, at=self._world.scheduler.now))
        is_slow = chance.random() < listener.slow
        process.step((listener.slowness if is_slow else _MOMENT) * chance.random())
        if chance.random() < listener.unanswered:
            raise _fault(HttpFault.TIMEOUT)
        return HttpResponse(status=status)

    def _status(self, listener: Listener) -> int | None:
        """Return what a listener answers; nothing if it cannot be reached."""
        chance, now = self._world.chance, self._world.scheduler.now
        if any(moment <= now < moment + listener.down for moment in self._world.moments):
            return None
        draw = chance.random()
        if draw < listener.gone:
            return 410
        return 500 if draw < listener.gone + listener.failing else listener.TAKEN


def _fault(fault: HttpFault) -> HttpError:
    return HttpError("simulated", may_be_sent=fault is HttpFault.TIMEOUT, fault=fault)


def notifiers(stage: Stage) -> Sequence[Notifier]:
    """Return the processes that send webhooks."""
    return [Notifier(stage=stage)] * (2 if stage.world.scenario.listeners else 0)
