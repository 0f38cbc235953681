"""What two npm packages find in mails: `mailparser`, and `mailauth` for signatures."""

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MISSING = (
    "node with npm is missing, or its packages are: on Debian apt-get install nodejs npm, "
    "then make test"
)


def read_mails(mails: Sequence[bytes], records: Mapping[str, str] = {}) -> list[dict[str, Any]]:
    """Return what the packages find.

    Args:
        mails: Header and body each.
        records: The texts of the DNS, by name, that the verifier of signatures may ask for.
    """
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "mailauth").exists():
        pytest.skip(MISSING)
    lines = "".join(f"{base64.b64encode(mail).decode()}\n" for mail in mails)
    finished = subprocess.run(  # noqa: S603 - found above
        [node, str(HERE / "mails.js"), json.dumps(records)],
        input=lines,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]
