"""Weeks of virtual time in an instant, with everything that can go wrong, repeatable by a seed.

```python
simulate(7, EVERYDAY, storage=MemoryStorage)
```

runs the real engine: several workers that die at any call of the storage or a provider, providers
that take messages and never answer, receipts that are late, doubled and out of order, clocks that
disagree, a change to daylight-saving time. It raises `BrokenPromiseError` where a promise of the
engine, or of the host, does not hold.
"""

from messaging_core.testing.simulation.actors import MakeWorker
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.promises import PROMISES
from messaging_core.testing.simulation.run import BrokenPromiseError, simulate
from messaging_core.testing.simulation.scenario import (
    CLOCKS,
    CRASHES,
    EVERYDAY,
    FLAKY,
    HANGING,
    HEALTHY,
    POISON,
    STEPS,
    Line,
    Listener,
    Person,
    Provider,
    Receipts,
    Scenario,
)
from messaging_core.testing.simulation.scenarios import (
    AUTUMN,
    MONTH,
    POOLS,
    RULES,
    SCENARIOS,
    WEBHOOKS,
)
from messaging_core.testing.simulation.story import Asked, Block, Reception, Story

__all__ = [
    "AUTUMN",
    "CLOCKS",
    "CRASHES",
    "EVERYDAY",
    "FLAKY",
    "HANGING",
    "HEALTHY",
    "MONTH",
    "POISON",
    "POOLS",
    "PROMISES",
    "RULES",
    "SCENARIOS",
    "STEPS",
    "WEBHOOKS",
    "Asked",
    "Block",
    "Breach",
    "BrokenPromiseError",
    "Line",
    "Listener",
    "MakeWorker",
    "Person",
    "Promise",
    "Provider",
    "Receipts",
    "Reception",
    "Scenario",
    "Story",
    "simulate",
]
