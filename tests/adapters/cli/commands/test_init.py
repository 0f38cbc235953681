import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[4] / "docs" / "how-to" / "command-line.md"


@pytest.fixture(autouse=True)
def empty(shop):
    (shop / "messaging.toml").unlink()
    return shop


def _printed() -> list[str]:
    """Return the commands that the guide prints in its first chapter."""
    chapter = GUIDE.read_text(encoding="utf-8").split("## Start\n")[1].split("\n## ")[0]
    return re.findall(r"^\$ (.+)$", chapter, re.MULTILINE)


def test_the_printed_commands_send_a_first_sms_and_a_first_email(empty):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(_printed())

    ran = subprocess.run(  # noqa: S603 - the commands of our own guide
        ["/bin/bash", "-ec", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "+31612345678" in ran.stdout
    assert "Hello" in ran.stdout
    (mail,) = (empty / "outbox").rglob("*.eml")
    assert "ada@customer.example" in mail.read_text(encoding="utf-8")


def test_a_file_that_exists_is_not_overwritten(run, empty):
    (empty / "messaging.toml").write_text("mine", encoding="utf-8")

    ran = run("init")

    assert ran.status == 2
    assert "messaging.toml exists, and is never overwritten" in ran.err
    assert (empty / "messaging.toml").read_text(encoding="utf-8") == "mine"


def test_another_file_can_be_named(run, empty):
    assert run("init", "--config", "other.toml").status == 0
    assert run("--config", "third.toml", "init").status == 0

    assert run("channels", "--config", "other.toml").status == 0
    assert (empty / "third.toml").exists()
    assert not (empty / "messaging.toml").exists()


def test_the_examples_in_its_comments_are_valid(run, empty, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    monkeypatch.setenv("MEDIA_SECRET", "0123456789abcdef")
    run("init")
    file = empty / "messaging.toml"
    text = re.sub(r"^# (?=[a-z_]+ = |\[)", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = text.replace('transport = { type = "file", folder = "outbox" }', "")
    file.write_text(text, encoding="utf-8")

    ran = run("channels")

    assert {"http", "media"} <= tomllib.loads(text).keys()
    assert (ran.status, ran.err) == (0, "")
