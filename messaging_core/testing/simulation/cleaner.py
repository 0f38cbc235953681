"""The process of the host that purges what is old."""

from datetime import timedelta
from typing import Final

from messaging_core.lazy import frozen
from messaging_core.messenger import Messenger
from messaging_core.testing.simulation.actors import Stage
from messaging_core.testing.simulation.process import Process
from messaging_core.testing.simulation.scheduler import Task

_DAY: Final = timedelta(days=1)


@frozen(kw_only=True)
class Cleaner:
    """A process that purges once a day, until everything is old."""

    stage: Stage
    retention: timedelta

    def run(self, task: Task) -> None:
        """Purge every day; a process that dies over it goes on with the rest."""
        world = self.stage.world
        process = Process(world, task)
        messenger = self.stage.messenger(process)
        at = world.scenario.start + self.retention
        over = world.scenario.start + world.scenario.lasts + 2 * self.retention
        while at < over:
            process.sleep(at)
            while not process.live(lambda: self._purge(process, messenger)):
                pass
            at += _DAY

    def _purge(self, process: Process, messenger: Messenger) -> None:
        before = process.now() - self.retention
        process.until_done(lambda: messenger.purge(before=before))
