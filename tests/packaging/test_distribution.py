"""What is published: its files, what it says of itself, and that it works with nothing else."""

import email
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distributions import NAME, build, link, make_environment, needed, run

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]
EXTRAS = PROJECT["project"]["optional-dependencies"]

# Imports modules where no extra is installed, and says how each import ended.
IMPORTS = """
import importlib, json, sys
from messaging_core.errors import MissingDependencyError
ends = {}
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
    except MissingDependencyError as error:
        ends[name] = str(error)
    except ImportError as error:
        ends[name] = repr(error)
print(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and its dependencies, without any extra."""
    environment = tmp_path_factory.mktemp("fresh")
    make_environment(environment, wheel)
    return environment


def test_the_metadata_is_what_an_index_takes(folder: Path) -> None:
    files = sorted(folder.iterdir())

    assert [file.name for file in files] == [
        f"messaging_engine-{VERSION}-py3-none-any.whl",
        f"messaging_engine-{VERSION}.tar.gz",
    ]
    run(sys.executable, "-m", "twine", "check", "--strict", *files)


def test_every_python_that_is_declared_is_declared_everywhere() -> None:
    classifiers = PROJECT["project"]["classifiers"]
    versions = re.findall(r"Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)

    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{versions[0].replace('.', '')}"


def test_the_wheel_holds_every_file_of_the_packages_and_no_tests(names: set[str]) -> None:
    sources = {
        path.relative_to(base).as_posix()
        for base, package in ((ROOT, "messaging_core"), (ROOT / "adapters", "messaging_adapters"))
        for path in (base / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = f"messaging_engine-{VERSION}.dist-info"
    others = {name for name in names - sources if not name.startswith(f"{info}/")}

    assert sources - names == set()
    assert {
        "messaging_core/py.typed",
        "messaging_adapters/py.typed",
        "messaging_adapters/viewer/static/viewer.css",
        "messaging_adapters/viewer/templates/message.html",
        "messaging_adapters/django/migrations/__init__.py",
        "messaging_adapters/storage/sqlite/schema/current.sql",
        f"{info}/licenses/LICENSE",
    } <= names
    # Beside the packages there is only what `messaging demo` runs.
    assert {name.rpartition("/")[0] for name in others} == {
        "messaging_adapters/cli/examples",
        "messaging_adapters/cli/examples/files",
    }
    # A case for the tests of a host, which has the fixtures of pytest for unittest.
    tests = {name for name in names if re.search(r"(^|/)(tests?/|test_|conftest)", name)}
    assert tests == {"messaging_adapters/testing/test_case.py"}


def test_the_source_distribution_can_be_tested(folder: Path) -> None:
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml"} <= names
    assert "tests/packaging/test_distribution.py" in names
    assert [
        name for name in names if "node_modules" in name or name.endswith((".pyc", ".db"))
    ] == []


def test_the_wheel_says_what_the_project_says(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"messaging_engine-{VERSION}.dist-info/METADATA").decode()
    metadata = email.message_from_string(text)

    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_every_public_module_can_be_imported_or_names_its_extra(environment: Path) -> None:
    pages = (ROOT / "docs" / "reference" / "api").glob("*.md")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    modules = re.findall(r"^\.\. automodule:: (\S+)", text, re.MULTILINE)
    python = environment / "bin" / "python"

    ran = run(
        python, "-I", "-c", IMPORTS, input=json.dumps([*modules, "messaging_adapters.django"])
    )
    ends: dict[str, str] = json.loads(ran.stdout)
    extras = {
        name: re.fullmatch(r"[\w-]+ is not installed: pip install 'messaging-engine\[(.+)\]'", end)
        for name, end in ends.items()
    }

    assert {name: ends[name] for name, match in extras.items() if match is None} == {}
    assert {match[1] for match in extras.values() if match} <= EXTRAS.keys()
    # Most is there for every user.
    assert len(ends) < len(modules) / 5, ends
    assert {"messaging_adapters.viewer.app", "messaging_adapters.storage.postgres"} <= ends.keys()


def test_the_command_is_installed_and_names_the_extras_that_it_lacks(
    environment: Path, tmp_path: Path
) -> None:
    messaging = environment / "bin" / "messaging"
    lines = {
        "init": "rich is not installed: pip install 'messaging-engine[cli]'",
        "serve": "starlette is not installed: pip install 'messaging-engine[asgi,cli]'",
        "view": "starlette is not installed: pip install 'messaging-engine[asgi,cli,viewer]'",
        "demo": "rich is not installed: pip install 'messaging-engine[demo]'",
    }

    version = run(messaging, "--version")
    shown = {}
    for command in lines:
        ran = subprocess.run(  # noqa: S603 - our own text
            [messaging, command], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        shown[command] = ran.stderr.strip()

    assert version.stdout.startswith(f"messaging-engine {VERSION} (Python 3.")
    assert shown == {command: f"messaging: {line}" for command, line in lines.items()}


def test_the_extra_of_the_command_line_is_enough_for_a_first_message(
    environment: Path, tmp_path: Path
) -> None:
    (extra := tmp_path / "extra").mkdir()
    link(needed(Requirement(f"{NAME}[cli]"), set()) - {NAME}, extra)
    code = (
        "import sys; sys.path.append(sys.argv.pop(1))\n"
        "from messaging_adapters.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    line = {
        "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
        "body": {"type": "text", "text": {"text": "Hello"}},
    }
    (tmp_path / "one.jsonl").write_text(json.dumps(line), encoding="utf-8")
    messaging = (environment / "bin" / "python", "-I", "-c", code, extra)

    run(*messaging, "init", cwd=tmp_path)
    sent = run(*messaging, "send", "--channel", "sms", "one.jsonl", cwd=tmp_path)

    assert "1 sent, 0 failed" in sent.stdout
