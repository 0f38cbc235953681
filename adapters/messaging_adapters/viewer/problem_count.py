"""How many problems the engine has: the number beside *Operations* on every page."""

from time import monotonic
from typing import Final
from uuid import UUID

from attrs import define, field

from messaging_adapters.viewer.reads import Readers, TooLong
from messaging_core.errors import StorageError
from messaging_core.messenger import Messenger

_SECONDS: Final = 10.0


@define(kw_only=True)
class ProblemCount:
    """Asks at most every ten seconds, however many pages are open.

    Attributes:
        messenger: Tells its health.
        readers: The threads on which it is asked.
    """

    messenger: Messenger
    readers: Readers
    _answers: dict[UUID, tuple[float, int]] = field(factory=dict, init=False)

    async def of(self, workspace: UUID) -> int:
        """Return the number for the visitors of a workspace."""
        asked_at, number = self._answers.get(workspace, (-_SECONDS, 0))
        if monotonic() - asked_at >= _SECONDS:
            # Before it is asked: pages that come meanwhile do not ask too.
            self._answers[workspace] = monotonic(), number
            number = await self._ask(workspace, number)
            self._answers[workspace] = monotonic(), number
        return number

    async def _ask(self, workspace: UUID, last: int) -> int:
        try:
            health = await self.readers.run(lambda: self.messenger.health(workspace=workspace))
        except StorageError:  # the page itself says so
            return last
        return last if isinstance(health, TooLong) else len(health.problems)
