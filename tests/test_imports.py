"""What importing the core loads, what it exports, and what its errors promise."""

import ast
import inspect
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from uuid import UUID

import pytest

import messaging_core
from messaging_core import errors, models, rules, templates
from messaging_core.errors import MessagingError
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation

# Modules that do I/O, and packages that are loaded on first use: an import must not pay for them.
NOT_LOADED = frozenset(
    {
        "asyncio",
        "concurrent.futures",
        "dateutil",
        "email.message",
        "email_validator",
        "ftplib",
        "http.client",
        "http.server",
        "logging",
        "messaging_adapters",
        "multiprocessing",
        "phonenumbers",
        "rich",
        "selectors",
        "shutil",
        "smtplib",
        "socket",
        "sqlite3",
        "sqlite_utils",
        "ssl",
        "subprocess",
        "tempfile",
        "urllib.request",
    }
)

MODULES_ADDED_BY_THE_CORE = """
import sys, json
import attrs, cattrs, cattrs.preconf.orjson, orjson
before = set(sys.modules)
import messaging_core
print(json.dumps(sorted(set(sys.modules) - before)))
"""

# What a program loads only when it uses them, also when it sends and delivers.
COLD = frozenset(
    {
        "dateutil",
        "decimal",
        "difflib",
        "html",
        "logging",
        "messaging_core.contacts.directory",
        "messaging_core.contacts.editor",
        "messaging_core.contacts.suppressions",
        "messaging_core.notifications",
        "messaging_core.templates.checking",
        "messaging_core.templates.interpolation",
        "messaging_core.templates.rendering",
        "messaging_core.templates.store",
        "messaging_core.testing",
        "sqlite3",
        "sqlite_utils",
    }
)

MODULES_OF_A_PROGRAM_THAT_SENDS = """
import sys, json
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_core import Channel, Messenger, SendMessage, Worker, text, to
sms = Channel(name="orders", platform="sms", sender="+31612345678")
with open("/dev/null", "w") as nowhere:
    messenger = Messenger(
        storage=MemoryStorage(), channels={sms: ConsoleTransport(stream=nowhere)}
    )
    messenger.send(sms, SendMessage(receiver=to("+31687654321"), body=text("hi")))
    assert Worker(messenger).drain().sent == 1
print(json.dumps(sorted(sys.modules)))
"""

MODULES_ADDED_BY_THE_RULES = """
import sys, json
import messaging_core.rules
print(json.dumps(sorted(name for name in sys.modules if name.startswith("messaging_core"))))
"""

MESSAGE_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
VIOLATION = Violation("/receiver", "receiver.missing", "name a receiver")
IDENTIFIER = Identifier(identifier_key="phonenumber", identifier_value="+31612345678")
ERRORS = [
    errors.MessagingError("anything"),
    errors.InvalidRequestError([VIOLATION]),
    errors.InvalidMessageError([VIOLATION, VIOLATION]),
    errors.InvalidDocumentError([VIOLATION]),
    errors.InvalidQueryError([VIOLATION]),
    errors.ContactConflictError([VIOLATION], [IDENTIFIER], ["ada"]),
    errors.InvalidTemplateError([VIOLATION]),
    errors.IdempotencyConflictError("order-1", MESSAGE_ID, ["/body/text"]),
    errors.NotFoundError("anything"),
    errors.UnknownChannelError("orders", ["support"]),
    errors.UnknownMediaError(MESSAGE_ID),
    errors.UnknownMessageError(MESSAGE_ID),
    errors.UnknownBatchError(MESSAGE_ID),
    errors.UnknownContactError("ada"),
    errors.UnknownListError(MESSAGE_ID),
    errors.UnknownTemplateError("parcels", MESSAGE_ID),
    errors.UnknownShortLinkError("0aZ3xYp9QwE"),
    errors.UnknownWebhookError("pigeon", ("twilio",)),
    errors.UnknownWebhookSubscriptionError(UUID(int=1)),
    errors.WebhookError("wrong"),
    errors.ForgedRequestError("the signature is wrong"),
    errors.UnverifiedRequestError("the certificate could not be fetched"),
    errors.UnreadableRequestError("it is no JSON"),
    errors.StateError("anything"),
    errors.StorageError("anything"),
    errors.StorageBusyError("anything"),
    errors.StorageConflictError("anything"),
    errors.ReadTimeoutError("anything"),
    errors.StorageUnavailableError("anything"),
    errors.CommitUnknownError("anything"),
    errors.StorageFullError("anything"),
    errors.StorageCorruptError("anything"),
    errors.ConfigurationError("anything"),
    errors.ArgumentError("threads", "a whole number from 1", "0", "write threads=1"),
    errors.MissingDependencyError("rich", "cli"),
    errors.SchemaError(["table messaging_messages is missing"], "make it"),
    errors.TemplateError("anything"),
    errors.TemplateSyntaxError("a placeholder without end", 1, 7),
    errors.TemplateValueError([VIOLATION]),
    errors.MediaError("too large", permanent=True),
    errors.HttpError("timed out", may_be_sent=True, fault="timeout", status=200),
    errors.WebhookError("anything"),
    errors.ForgedRequestError("the signature is not the provider's"),
    errors.UnreadableRequestError("it is no JSON"),
    errors.Withdrawn("cancelled"),
]


def error_classes() -> set[type]:
    return {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if is_ours(kind)}


def is_ours(kind: type) -> bool:
    return kind.__module__ == errors.__name__


def exported_names() -> list[str]:
    names = getattr(messaging_core, "__all__", None)
    assert names, "messaging_core has no __all__"
    return list(names)


def isort_key(name: str) -> tuple[int, str]:
    """Order as ruff's RUF022 does: constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def drawn_tree(text: str) -> Iterator[tuple[str, str]]:
    """Yield each class of the drawing with the class that it hangs from."""
    branch: list[str] = []
    for indent, name in re.findall(r"^([│├└─ ]*)(\w+)", text.strip(), re.MULTILINE):
        depth = len(indent) // 4
        branch[depth:] = [name]
        yield name, branch[depth - 1] if depth else "Exception"


def test_importing_the_core_loads_nothing_that_does_io() -> None:
    run = subprocess.run(  # noqa: S603 - our own interpreter and our own program
        [sys.executable, "-I", "-c", MODULES_ADDED_BY_THE_CORE],
        capture_output=True,
        check=True,
        text=True,
    )
    added = set(json.loads(run.stdout))

    assert "messaging_core" in added
    assert added & NOT_LOADED == set()


def test_a_program_that_sends_loads_no_part_that_it_does_not_use() -> None:
    run = subprocess.run(  # noqa: S603 - our own interpreter and our own program
        [sys.executable, "-c", MODULES_OF_A_PROGRAM_THAT_SENDS],
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = set(json.loads(run.stdout))

    assert "messaging_core.delivery.dispatcher" in loaded
    assert loaded & COLD == set()


def test_exported_names_are_sorted() -> None:
    names = exported_names()

    assert names == sorted(names, key=isort_key)


def test_exported_names_are_the_public_names() -> None:
    public = {
        name
        for name in dir(messaging_core)
        if not name.startswith("_") and not is_submodule(getattr(messaging_core, name))
    }

    assert {name for name in exported_names() if not name.startswith("_")} == public


@pytest.mark.parametrize("package", [messaging_core, models, rules, templates])
def test_what_type_checkers_import_is_what_the_package_exports(package: ModuleType) -> None:
    seen: dict[str, str] = {}
    (checked,) = [
        node for node in ast.parse(inspect.getsource(package)).body if isinstance(node, ast.If)
    ]
    for node in checked.body:
        assert isinstance(node, ast.ImportFrom)
        for name in node.names:
            names = models._NAMES[shortened(node)].split() if name.name == "*" else [name.name]
            seen |= dict.fromkeys(names, node.module or "")

    assert sorted(seen) == sorted(package.__all__)
    for name, module in seen.items():
        assert getattr(package, name) is getattr(import_module(module), name)


def test_the_table_of_rules_has_every_exported_name_once_and_no_other() -> None:
    names = [name for names in rules._NAMES.values() for name in names.split()]

    assert sorted(names, key=isort_key) == rules.__all__
    assert dir(rules) == rules.__all__


def test_a_name_that_is_no_rule_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'check_everything'"):
        _ = rules.check_everything  # type: ignore[attr-defined]


def test_importing_the_rules_loads_none_of_them() -> None:
    run = subprocess.run(  # noqa: S603 - our own interpreter and our own program
        [sys.executable, "-I", "-c", MODULES_ADDED_BY_THE_RULES],
        capture_output=True,
        check=True,
        text=True,
    )

    assert json.loads(run.stdout) == [
        "messaging_core",
        "messaging_core.lazy_names",
        "messaging_core.rules",
    ]


def test_the_table_of_models_has_every_class_of_its_modules() -> None:
    for module, names in models._NAMES.items():
        home = import_module(f"messaging_core.models.{module}")
        classes = {
            name
            for name, value in vars(home).items()
            if inspect.isclass(value) and value.__module__ == home.__name__ and name[0] != "_"
        }

        assert classes - {"Cursor"} <= set(names.split())  # storages alone use cursors


def shortened(node: ast.ImportFrom) -> str:
    return (node.module or "").removeprefix("messaging_core.models.")


def is_submodule(value: object) -> bool:
    return isinstance(value, ModuleType) and value.__name__.startswith("messaging_core.")


def test_every_exported_name_can_be_imported() -> None:
    missing = [name for name in exported_names() if not hasattr(messaging_core, name)]

    assert missing == []


def test_every_error_has_an_example_here() -> None:
    assert {type(error) for error in ERRORS} == error_classes()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: MessagingError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was pickled just now

    assert type(copy) is type(error)
    assert copy.args == error.args
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_the_drawn_tree_is_the_tree_of_errors() -> None:
    _, drawing, _ = (errors.__doc__ or "").split("```")

    drawn = sorted(drawn_tree(drawing))

    assert drawn == sorted((kind.__name__, kind.__bases__[0].__name__) for kind in error_classes())
