import subprocess
import sys
from importlib.metadata import version

import pytest

from messaging_adapters.cli import main


def test_no_command_shows_what_there_is(run):
    ran = run()

    assert ran.status == 2
    assert "commands:" in ran.out


def test_an_unknown_command_or_option_is_a_usage_error(capsys):
    for arguments in (["sned"], ["list", "--status", "gone"], ["send"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)

        assert caught.value.code == 2
        assert "usage: messaging" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [("rich", ["list"], "cli"), ("rich", ["demo"], "demo"), ("aiosmtpd", ["demo"], "demo")],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(package, arguments, extra):
    # A process of its own: nothing that was imported here may help.
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from messaging_adapters.cli import main; sys.exit(main({arguments!r}))"
    )

    ran = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    line = f"messaging: {package} is not installed: pip install 'messaging-engine[{extra}]'\n"
    assert (ran.returncode, ran.stderr) == (2, line)


def test_the_version_is_that_of_the_package(run):
    ran = run("--version")

    assert ran.status == 0
    assert ran.out.startswith(f"messaging-engine {version('messaging-engine')} (Python 3.")


def test_a_reader_that_goes_away_is_no_traceback(run, write, sms):
    run("send", "--channel", "parcels", write(*[sms("x" * 500)] * 500))
    command = f"{sys.executable} -m messaging_adapters.cli list --json --limit 500 | head -1"

    ran = subprocess.run(  # noqa: S602 - our own text, and a pipe
        command, shell=True, capture_output=True, text=True, check=False
    )

    assert len(ran.stdout.splitlines()) == 1
    assert ran.stderr == ""


def test_help_needs_no_rich_and_no_engine():
    code = (
        "import sys\nfrom messaging_adapters.cli.arguments import parser\nparser().format_help()\n"
        "sys.exit(any(name in sys.modules for name in ('rich', 'sqlite3', 'phonenumbers')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_help_loads_neither_commands_nor_messages_nor_storages():
    script = (
        "import sys; from messaging_adapters.cli import parser;"
        " parser().format_help(); print(*sorted(sys.modules))"
    )

    loaded = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()

    heavy = ("cattrs", "sqlite3", "messaging_core.models.messages.message", "messaging_core.wire")
    assert "messaging_adapters.cli.arguments" in loaded
    assert [name for name in loaded if name in heavy or ".cli.commands" in name] == []
    assert [name for name in loaded if name.startswith("messaging_adapters.storage")] == []
