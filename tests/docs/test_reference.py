"""Every public module is in the reference, or is left out for a reason."""

import pkgutil
import re
from pathlib import Path

import pytest

import messaging_adapters
import messaging_core

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference" / "api"

# Mechanisms behind the names that are listed.
NOT_LISTED = re.compile(
    r"messaging_core\.wire\.(codec|parsing|queries)(\..*)?"
    r"|messaging_core\.testing\.contracts\.(storage\..*|storage_machine|bounds)"
    r"|messaging_core\.testing\.(__main__|conformance|object_path|promises|storage_conformance)"
    r"|messaging_core\.testing\.simulation\.(actors|cleaner|crowd|host|interleaving|listeners)"
    r"|messaging_core\.testing\.simulation\.(process|provider)"
    r"|messaging_core\.testing\.simulation\.(scheduler|world)"
    r"|messaging_core\.(templates\.language_data|rules\.formats\.gsm_replacements)"
    r"|messaging_core\.rules\.addressing\.phone_patterns"
    r"|messaging_adapters\.(mail|cli|providers|smpp|storage\.(memory|postgres|sql|sqlite|transfer))\..*"
    r"|messaging_adapters\.receipts\.(certificate|form_body|incoming|json_body|signatures|sns)"
    r"|messaging_core\.ports\.storage\.transaction_lock|messaging_core\.document_stores\.(store|stored_webhook)"
    r"|messaging_adapters\.asgi\.(bodies|call|health_readings|json_schema|media_transfer|route_table|routes\..*|surface|upload_form)"
    r"|messaging_adapters\.health_figures"
    r"|messaging_adapters\.django\..*"
    r"|messaging_adapters\.viewer\.(?!access$|app$).*"
    r"|messaging_adapters\.config\.(?!file$|messenger$).*"
)


def modules() -> list[str]:
    return [
        module.name
        for package in (messaging_core, messaging_adapters)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.ispkg and "._" not in module.name
    ]


def listed() -> set[str]:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    return set(re.findall(r"^\.\. automodule:: (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", modules())
def test_a_module_is_in_the_reference(name: str) -> None:
    assert name in listed() or NOT_LISTED.fullmatch(name)


def test_what_the_reference_lists_exists() -> None:
    packages = {
        "messaging_adapters.storage.memory",
        "messaging_adapters.storage.postgres",
        "messaging_adapters.storage.sqlite",
        "messaging_adapters.storage.transfer",
        "messaging_core.testing.contracts.storage",
    }

    assert listed() - {*modules()} - packages == set()


def test_no_page_names_the_place_where_it_was_written() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        if "_build" not in page.parts:
            assert not re.search(r"/work\b|\.\./shared|/tmp/", page.read_text(encoding="utf-8"))
