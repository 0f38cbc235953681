"""How many problems the engine has: the number beside *Operations* on every page."""

import asyncio
from time import monotonic
from typing import Final
from uuid import UUID

from attrs import define, evolve, field

from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages import operations
from messaging_adapters.viewer.parameters import Parameters
from messaging_adapters.viewer.reads import Readers, Reads
from messaging_core.errors import StorageError
from messaging_core.messenger import Messenger

_SECONDS: Final = 10.0
_LAST_HOUR: Final = Parameters.parse(b"range=1h")


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

    async def of(self, asked: PageRequest) -> int:
        """Return the number for the workspace of a page: as many as Operations tells."""
        workspace = asked.workspace
        asked_at, number = self._answers.get(workspace, (-_SECONDS, 0))
        if monotonic() - asked_at >= _SECONDS:
            # Before it is asked: pages that come meanwhile do not ask too.
            self._answers[workspace] = monotonic(), number
            number = await self._ask(asked, number)
            self._answers[workspace] = monotonic(), number
        return number

    async def _ask(self, asked: PageRequest, last: int) -> int:
        asked = evolve(asked, parameters=_LAST_HOUR)
        reads = Reads(self.messenger, self.readers)
        try:  # all its reads together take no longer than a read of the page itself may
            model = await asyncio.wait_for(operations.read(asked, reads), self.readers.seconds)
        except (StorageError, TimeoutError):  # the page itself says so
            return last
        findings = operations.findings(asked, model)
        return last if findings is None else len(findings)
