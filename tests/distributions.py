"""Builds what is published, and installs it in fresh environments, without a network."""

import subprocess
import sys
import venv
from collections.abc import Collection
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

NAME = "messaging-engine"


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(  # noqa: S603 - our own text
        command, capture_output=True, text=True, check=False, **options
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def build(folder: Path) -> None:
    """Put the source distribution, and the wheel that is built from it, into a folder."""
    root = Path(__file__).resolve().parents[1]
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, root)


def make_environment(
    folder: Path, wheel: Path, *, with_pip: bool = False, extras: Collection[str] = ()
) -> None:
    """Make a virtual environment with a wheel, and with what it and its extras need."""
    venv.create(folder, with_pip=with_pip)
    (packages,) = folder.glob("lib/python*/site-packages")
    names = needed(Requirement(f"{NAME}[{','.join(extras)}]"), set()) - {NAME}
    link(names, packages)
    options = ("install", "--no-index", "--no-deps", "--quiet")
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", *options, wheel)


def needed(requirement: Requirement, names: set[str]) -> set[str]:
    """Return the names of what is installed with a distribution, and its own."""
    names.add(requirement.name)
    for extra in ("", *requirement.extras):
        for line in distribution(requirement.name).requires or ():
            other = Requirement(line)
            is_needed = other.marker is None or other.marker.evaluate({"extra": extra})
            if is_needed and other.name not in names:
                needed(other, names)
    return names


def link(names: set[str], folder: Path) -> None:
    """Install distributions of this environment in another folder, without a network."""
    for name in names:
        installed = distribution(name)
        for part in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            if not (folder / part).exists():
                (folder / part).symlink_to(installed.locate_file(part))
