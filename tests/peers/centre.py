"""The message centre in `smsc.js`, started by a test and spoken to in JSON."""

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

HERE = Path(__file__).parent
MISSING = (
    "node with npm is missing, or its packages are: on Debian apt-get install nodejs npm, "
    "then make test"
)


class Centre:
    """Run the npm package `smpp` as a message centre on a free port of this machine."""

    def __init__(self, **settings: Any) -> None:
        node = _node()
        self.events: list[dict[str, Any]] = []
        self._done: queue.Queue[None] = queue.Queue()
        self._changed = threading.Condition()
        self._process = subprocess.Popen(  # noqa: S603 - found above
            [node, str(HERE / "smsc.js"), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        (listening,) = self.wait("listening")
        self.port: int = listening["port"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "done":
                self._done.put(None)
                continue
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind until now."""
        self.command()  # its answer comes behind all that happened before
        with self._changed:
            return [event for event in self.events if event["event"] == kind]

    def wait(self, kind: str, count: int = 1, *, timeout: float = 20) -> list[dict[str, Any]]:
        """Return the events of a kind, when there are so many of them."""
        deadline = monotonic() + timeout
        with self._changed:
            while True:
                events = [event for event in self.events if event["event"] == kind]
                if len(events) >= count:
                    return events
                if not self._changed.wait(max(deadline - monotonic(), 0)):
                    raise AssertionError(f"{len(events)} of {count} {kind}: {self.events[-5:]}")

    def command(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        self._done.get(timeout=20)

    def set(self, **settings: Any) -> None:
        self.command(set=settings)

    def accepted(self) -> int:
        """Return how many messages it has taken until now."""
        return len(self.of("accepted"))

    def deliver(self, **fields: Any) -> None:
        """Send a message to one of the sessions; `hex` is its content in octets."""
        self.command(deliver=fields)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._thread.join(20)
        self._process.stdout.close()


def read_pdus(pdus: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return what the npm package finds in PDUs."""
    lines = "".join(f"{pdu.hex()}\n" for pdu in pdus)
    finished = subprocess.run(  # noqa: S603 - found by `_node`
        [_node(), str(HERE / "read_pdus.js")],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]


def _node() -> str:
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "smpp").exists():
        pytest.skip(MISSING)
    return node
