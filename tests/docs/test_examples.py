"""Every example script runs by itself, and prints what the documentation says it prints."""

import runpy
import tomllib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_a_script_prints_what_the_page_about_it_shows(
    script: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    runpy.run_path(str(script), run_name="__main__")

    assert capsys.readouterr().out == script.with_suffix(".txt").read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_has_every_script_and_no_project() -> None:
    settings = tomllib.loads((EXAMPLES.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    names = {path.name for path in EXAMPLES.glob("*.py")} | {"files", "messages.jsonl"}
    assert set(included) == {f"docs/examples/{name}" for name in names}
