"""What transactions decide is exact, however many processes decide it at the same time."""

import json
from collections import Counter
from contextlib import ExitStack
from typing import Any

from faults.processes import child
from faults.test_shared_limits import PROCESSES, where

__all__ = ["where"]

KEYS, PEOPLE, CAP = 60, 6, 3


def test_keys_and_frequency_caps_are_exact_with_four_processes(where: dict[str, Any]) -> None:
    settings = where | {"keys": KEYS, "people": PEOPLE, "cap": CAP}

    with ExitStack() as stack:
        children = [
            stack.enter_context(child("racing_process", settings)) for _ in range(PROCESSES)
        ]
        for process in children:
            process.says()
        for process in children:
            process.end()
        results = [json.loads(process.finish()[1]) for process in children]

    assert [result["accepted"] for result in results] == [results[0]["accepted"]] * PROCESSES
    assert len(set(results[0]["accepted"])) == KEYS
    delivered = Counter(address for result in results for address in result["sent"])
    assert list(delivered.values()) == [CAP] * PEOPLE
