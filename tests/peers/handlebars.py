"""Handlebars itself, from npm, as the peer of our engine."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
MISSING: Final = (
    "node with npm is missing, or its packages are: on Debian apt-get install nodejs npm, "
    "then npm ci --prefix tests/peers"
)


def render_all(cases: Sequence[tuple[str, Any]]) -> list[str | None]:
    """Return what Handlebars writes for sources and values; nothing where it refuses one."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "handlebars").exists():
        pytest.skip(MISSING)
    finished = subprocess.run(  # noqa: S603 - found above
        [node, str(HERE / "handlebars.js")],
        input=json.dumps([{"source": source, "values": values} for source, values in cases]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"TZ": "UTC"},
    )
    return [answer.get("text") for answer in json.loads(finished.stdout)]
