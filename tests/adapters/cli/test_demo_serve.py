"""`messaging demo --serve` in a terminal: it answers over HTTP until Ctrl-C."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import plain_http

CTRL_C = b"\x03"
# Runs a command on a pseudo-terminal, which turns Ctrl-C into a signal.
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
COMMAND = [sys.executable, "-m", "messaging_adapters.cli", "demo", "--count", "32", "--serve"]


@pytest.fixture
def terminal() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", TERMINAL, *COMMAND]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        yield process
        process.kill()


def until(process: subprocess.Popen[bytes], text: str) -> str:
    """Return what a process printed until a text, colours left out."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += re.sub(r"\x1b\[[\d;]*m", "", line.decode())
        if text in printed:
            return printed
    raise AssertionError(f"{text} was not printed: {printed}")


def test_the_demo_is_called_over_http_until_ctrl_c(terminal: subprocess.Popen[bytes]) -> None:
    printed = until(terminal, "Ctrl-C stops")
    sent = printed.partition("one example of each channel is sent again")[2]
    assert re.findall(r"^ *\d+ +(\w+) .* 202 +(\w+) *\r?$", sent, re.MULTILINE) == [
        (name, "accepted") for name in ("login", "parcels", "photos", "support", "orders", "app")
    ]
    key, url = re.findall(r"curl -H 'Authorization: (AccessKey \S+)' '(http://[^?]+)", sent)[0]
    with plain_http.Client(headers={"Authorization": key}) as client:
        page = client.get(url, params={"limit": "1000"})
        while any(message["status"] == "accepted" for message in page.json()["results"]):
            page = client.get(url, params={"limit": "1000"})
        assert len(page.json()["results"]) > 1, "those of the demo and the one sent again"
    (pages,) = re.findall(r"in a browser: (\S+)", printed)
    shown = plain_http.get(pages, follow_redirects=True)
    assert shown.status_code == 200
    assert "parcels" in shown.text
    assert plain_http.get(pages, headers={"Host": "evil.example"}).status_code == 403

    assert terminal.stdin is not None
    terminal.stdin.write(CTRL_C)
    terminal.stdin.flush()
    rest = terminal.communicate(timeout=30)[0].decode()

    assert terminal.returncode == 0, rest
    assert "Traceback" not in rest
