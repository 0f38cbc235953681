"""Keep the reader and the writer of every class, with cattrs as the dispatcher."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any
from uuid import UUID

import attrs
from cattrs import BaseValidationError, Converter

from messaging_core.errors import InvalidDocumentError
from messaging_core.wire.codec.readers import emit_reader, emit_writer
from messaging_core.wire.codec.scalars import Reader, Writer
from messaging_core.wire.codec.schema import plan_of, tagged_classes
from messaging_core.wire.codec.unions import tagged_reader
from messaging_core.wire.parsing.faults import StopReading, ViolationCollector
from messaging_core.wire.parsing.limits import DOCUMENT_LIMITS

# What the hooks of hosts, and those of cattrs, raise about a value they do not accept.
_REFUSALS = (
    ArithmeticError,
    AttributeError,
    BaseValidationError,
    LookupError,
    TypeError,
    ValueError,
)


class StructureHook:
    """A reader in the form that cattrs calls."""

    __slots__ = ("read",)

    def __init__(self, read: Reader) -> None:
        self.read = read

    def __call__(self, value: Any, _: Any) -> Any:
        """Read a value, and raise what is wrong with it."""
        faults = ViolationCollector(DOCUMENT_LIMITS)
        try:
            result = self.read(value, "", faults)
        except StopReading:
            result = None
        if faults:
            raise InvalidDocumentError(tuple(faults))
        return result


class Writers(dict[type, Writer]):
    """Writers by class, with one for all classes that are not attrs classes."""

    def __init__(self, converter: Converter, others: Writer) -> None:
        super().__init__()
        self.converter = converter
        self.others = others

    def __missing__(self, cls: type) -> Writer:
        writer = self.converter.get_unstructure_hook(cls) if attrs.has(cls) else self.others
        self[cls] = writer
        return writer


class Registry:
    """Makes readers and writers when a class is first met.

    Attributes:
        is_storage: Whether it writes for a storage: what the wire does not show too, and only what
            orjson does not write by itself. That leaves models in an object to be written when
            orjson asks for them.
    """

    def __init__(self, *, is_storage: bool = False) -> None:
        self.is_storage = is_storage
        self.converter = Converter()
        self.writers: dict[type, Writer] = Writers(
            self.converter, _simplified if is_storage else _same
        )
        self.converter.register_structure_hook_factory(_is_ours, self._structure_hook)
        self.converter.register_unstructure_hook_factory(attrs.has, self._unstructure_hook)
        self._fields_of = cache(lambda cls: emit_reader(plan_of(cls, self)))

    def reader(self, kind: Any) -> Reader:
        """Return the reader of any type that the converter knows."""
        hook = self.converter.get_structure_hook(kind)
        return hook.read if isinstance(hook, StructureHook) else _foreign_reader(hook, kind)

    def writer(self, kind: Any) -> Writer:
        """Return the writer of any type that the converter knows."""
        return self.converter.get_unstructure_hook(kind)

    def write(self, value: Any) -> Any:
        """Write an instance of an attrs class; pass JSON values on."""
        return self.writers[type(value)](value)

    def _structure_hook(self, kind: Any) -> StructureHook:
        tagged = tagged_classes(kind)
        return StructureHook(
            tagged_reader(tagged, self._fields_of) if tagged else self._fields_of(kind)
        )

    def _unstructure_hook(self, cls: type) -> Writer:
        return emit_writer(plan_of(cls, self), self)


@cache
def registry() -> Registry:
    """Return the one registry, made on first use."""
    return Registry()


@cache
def storage_registry() -> Registry:
    """Return the one that writes for storages, with the help of orjson; it is read like all else.

    To store a full message takes a quarter less time than with what `registry` writes, and
    `benchmarks/accept.py` 3 % less.
    """
    return Registry(is_storage=True)


def _is_ours(kind: Any) -> bool:
    return bool(tagged_classes(kind)) or attrs.has(kind)


def _same(value: Any) -> Any:
    return value


def _simplified(value: Any) -> Any:
    """Return a value of a host's own type as the JSON type that it represents."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        return list(value)
    return str(value) if isinstance(value, UUID) else value


def _foreign_reader(hook: Callable[[Any, Any], Any], kind: Any) -> Reader:
    """Read a type of the host's through its own hook."""

    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        try:
            return hook(value, kind)
        except InvalidDocumentError as error:
            for violation in error.violations:
                faults.add(path + violation.path, violation.code, violation.message)
        except _REFUSALS:
            faults.add(path, "wire.value", f"expected {getattr(kind, '__name__', kind)}")
        return None

    return read


def converter() -> Converter:
    """Return the converter behind `load` and `dump`, to register hooks for the host's own types.

    Register before the first document with such a type is read or written.
    """
    return registry().converter
