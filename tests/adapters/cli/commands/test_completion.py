"""The scripts for shells, in the shells."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from messaging_adapters.cli import main

BASH = """
source "$1"; shift
complete=$(complete -p messaging); complete=${complete#*-F }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
${complete%% *} messaging "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "$argv[2]"'


@pytest.fixture(params=["bash", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def complete(shell, run, shop: Path):
    """Return what a shell proposes for the last word of a command."""
    script = shop / "completion"
    script.write_text(run("completion", shell).out, encoding="utf-8")

    def complete(*words: str) -> list[str]:
        command = (
            ["bash", "-c", BASH, "bash", str(script), *words]
            if shell == "bash"
            else ["fish", "--no-config", "-c", FISH, str(script), " ".join(words)]
        )
        ran = subprocess.run(  # noqa: S603 - our own text
            command, capture_output=True, text=True, check=True, cwd=shop
        )
        return sorted(line.partition("\t")[0] for line in ran.stdout.splitlines())

    return complete


def test_a_shell_completes_commands_options_choices_and_files(complete):
    assert complete("messaging", "st") == ["status"]
    assert complete("messaging", "keys", "") == ["create", "hash", "list", "revoke"]
    assert {"--template", "--to", "--tag"} <= set(complete("messaging", "send", "--t"))
    assert complete("messaging", "purge", "--keep", "rec") == ["record"]
    assert complete("messaging", "channels", "--config", "messaging.t") == ["messaging.toml"]


def test_zsh_reads_its_script(run, shop):
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    (shop / "_messaging").write_text(run("completion", "zsh").out, encoding="utf-8")
    code = (
        "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; "
        "print $_comps[messaging]; autoload +X $_comps[messaging] && print loaded"
    )

    ran = subprocess.run(  # noqa: S603 - our own text
        ["zsh", "-f", "-c", code],  # noqa: S607 - the one of the system
        capture_output=True,
        text=True,
        check=False,
        cwd=shop,
    )

    assert (ran.stdout.splitlines()[-1:], ran.stderr) == (["loaded"], "")


def test_another_shell_is_a_usage_error(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "cmd"])

    assert "invalid choice: 'cmd'" in capsys.readouterr().err


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    code = (
        "import sys; sys.modules['shtab'] = None\n"
        "from messaging_adapters.cli import main; sys.exit(main(['completion', 'bash']))"
    )

    ran = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ran.stderr == "messaging: shtab is not installed: pip install 'messaging-engine[cli]'\n"
