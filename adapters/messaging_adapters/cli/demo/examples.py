"""The requests of the demonstration, and as many more like them as wanted."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from messaging_adapters.cli.request_lines import Line
from messaging_adapters.cli.usage import UsageError

NAME: Final = "messages.jsonl"

_CHECKOUT: Final = Path(__file__).parents[4] / "docs" / "examples"


def example_path(name: str = NAME) -> Path:
    """Return where an example is: in the package once installed, else in the checkout."""
    installed = Path(str(files("messaging_adapters.cli"))) / "examples"
    for folder in (installed, _CHECKOUT):
        if (folder / name).exists():
            return folder / name
    raise UsageError(f"the examples are missing: {name} is neither in {installed} nor {_CHECKOUT}")


def more_like(lines: Sequence[Line], number: int) -> Iterator[Line]:
    """Yield as many requests as wanted, each a given one with receivers of its own."""
    yield from islice(_endless(lines), number)


def _endless(lines: Sequence[Line]) -> Iterator[Line]:
    number = max((line.number for line in lines), default=0)
    while lines:
        for line in lines:
            number += 1
            yield evolve(line, number=number, request=_to_others(line.request, number))


def _to_others(request: Any, number: int) -> Mapping[str, Any]:
    contacts = [
        contact | {"identifierValue": _other(contact["identifierValue"], number)}
        for contact in request["receiver"]["contacts"]
    ]
    return {**request, "receiver": {"contacts": contacts}}


def _other(address: str, number: int) -> str:
    """Return a similar address; for a phone, an unassigned number of area code 555."""
    if address.startswith("+"):
        return f"+1555{number % 10**7:07}"
    local, at, domain = address.partition("@")
    return f"{local}{'+' if at else '-'}{number}{at}{domain}"
