"""The summary of the API says what the code says."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_summary_is_the_one_that_the_code_gives() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "summarize_api.py"))

    written = generator["PAGE"].read_text(encoding="utf-8")

    assert written == generator["summary"](), "run `python docs/summarize_api.py`"
