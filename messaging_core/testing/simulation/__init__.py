"""Weeks of virtual time in an instant, with everything that can go wrong, repeatable by a seed.

```python
simulate(7, EVERYDAY)
```

runs the real engine: several workers that die at any call of the storage or a provider, providers
that take messages and never answer, receipts that are late, doubled and out of order, clocks that
disagree, a change to daylight-saving time. It raises `BrokenPromiseError` where a promise of the
engine, or of the host, does not hold.
"""

from messaging_core.testing.simulation.actors import MakeWorker
from messaging_core.testing.simulation.promises import PROMISES, Breach, Promise
from messaging_core.testing.simulation.running import BrokenPromiseError, simulate
from messaging_core.testing.simulation.scenario import (
    CLOCKS,
    CRASHES,
    EVERYDAY,
    FLAKY,
    HEALTHY,
    POISON,
    SCENARIOS,
    Line,
    Provider,
    Receipts,
    Scenario,
)
from messaging_core.testing.simulation.story import Asked, Reception, Story

__all__ = [
    "CLOCKS",
    "CRASHES",
    "EVERYDAY",
    "FLAKY",
    "HEALTHY",
    "POISON",
    "PROMISES",
    "SCENARIOS",
    "Asked",
    "Breach",
    "BrokenPromiseError",
    "Line",
    "MakeWorker",
    "Promise",
    "Provider",
    "Receipts",
    "Reception",
    "Scenario",
    "Story",
    "simulate",
]
