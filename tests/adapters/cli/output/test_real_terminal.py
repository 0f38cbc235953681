"""Commands in a real terminal of 80 columns, as a person sees them."""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from messaging_core.testing import ManualClock

WIDTH = 80
TMUX = shutil.which("tmux") or ""

pytestmark = pytest.mark.skipif(not TMUX, reason="tmux is not installed")


class Terminal:
    """A terminal of its own, in which a shell runs."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def tmux(self, *arguments: str) -> str:
        command = [TMUX, "-S", str(self._socket), "-f", "/dev/null", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
        return ran.stdout

    def type(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "shop", *keys)

    def run(self, *arguments: str) -> None:
        """Type a command, and let the shell say how it ended."""
        command = shlex.join([sys.executable, "-m", "messaging_adapters.cli", *arguments])
        self.type("-l", f"clear; {command}; echo exit $?")
        self.type("Enter")

    def wait(self, word: str, *, colours: bool = False) -> str:
        """Return what is on the screen once a word is there, or after a minute."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            screen = self.tmux("capture-pane", "-p", "-t", "shop", *(["-e"] if colours else []))
            if any(word in line for line in screen.splitlines() if "echo exit" not in line):
                return screen.rstrip()
            time.sleep(0.05)
        pytest.fail(f"{word!r} is not on the screen:\n{screen}")


@pytest.fixture
def clock() -> ManualClock:
    """Return a past time: the commands in the terminal have the time of the machine."""
    return ManualClock(datetime(2020, 3, 2, 9, tzinfo=UTC))


@pytest.fixture
def terminal(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    # The path of a socket has at most 107 characters.
    terminal = Terminal(tmp_path_factory.mktemp("t") / "s")
    environment = ["-e", "TZ=UTC", "-e", "LC_ALL=C.UTF-8", "-e", "PYTHONSAFEPATH=1"]
    size = ["-x", str(WIDTH), "-y", "40"]
    shell = "env -u NO_COLOR sh"
    terminal.tmux("new-session", "-d", "-s", "shop", *size, "-c", str(shop), *environment, shell)
    yield terminal
    terminal.tmux("kill-server")


def test_events_appear_while_another_process_sends_and_ctrl_c_ends_them(
    terminal: Terminal, run: Callable, write: Callable, sms: Callable
) -> None:
    run("send", "--no-deliver", "--channel", "parcels", write(sms()))
    terminal.run("tail")
    terminal.wait("following events")

    run("deliver")
    screen = terminal.wait("attempted 1: sent", colours=True)
    terminal.type("C-c")
    end = terminal.wait("exit ")

    assert "\x1b[" in screen.partition("attempted 1")[0].rpartition("\n")[2]  # in colour
    assert "exit 0" in end
    assert "Traceback" not in end


def test_the_status_fits_and_a_pipe_gets_no_colour(
    terminal: Terminal, run: Callable, write: Callable, sms: Callable
) -> None:
    run("send", "--no-deliver", "--channel", "parcels", write(sms(), sms()))

    terminal.run("status")
    screen = terminal.wait("exit 1")  # no worker runs
    rule = next(line for line in screen.splitlines() if set(line) == {"─"})
    assert len(rule) <= WIDTH, screen
    assert "parcels 2 2020-03-02" in " ".join(screen.split()), screen

    command = f"{sys.executable} -m messaging_adapters.cli list | cat -v; echo exit $?"
    terminal.type("-l", f"clear; {command}")
    terminal.type("Enter")
    piped = terminal.wait("exit 0")
    assert "parcels" in piped
    assert "^[" not in piped
