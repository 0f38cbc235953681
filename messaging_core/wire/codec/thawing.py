"""Fill instances of frozen classes as fast as those of others."""

from typing import Any

import attrs

from messaging_core.models.common.instants import in_utc

_OWN_WAYS = ("__attrs_init__", "__attrs_pre_init__", "__attrs_post_init__")
# Whatever a reader returns is in UTC already, so that converter would not change it.
_UNCHANGING: tuple[object, ...] = (None, in_utc)


def thaw(cls: type[Any]) -> type[Any] | None:
    """Return a class whose instances begin empty, are filled by assignment, and become of `cls`.

    The `__init__` of a frozen class goes through `object.__setattr__` for each field, which is
    five times as slow as assignment and was a third of the time it took to read a request. A
    subclass with ordinary assignment has the same layout, which is what Python asks of two
    classes before an instance may change from one to the other.

    Returns:
        Nothing for a class whose `__init__` does more than to set its fields.
    """
    if not _only_sets_fields(cls):
        return None
    return type(
        f"Thawed{cls.__name__}",
        (cls,),
        {
            "__slots__": (),
            "__init__": object.__init__,
            # Both, for the two share one slot of the type and only together restore the plain way.
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )


def _only_sets_fields(cls: type[Any]) -> bool:
    fields = attrs.fields(cls)
    return (
        type(cls) is type
        and not any(
            "__new__" in vars(base) or "__init_subclass__" in vars(base)
            for base in cls.__mro__[:-1]
        )
        and not any(hasattr(cls, name) for name in _OWN_WAYS)
        and _slots(cls) == {field.name for field in fields}
        and all(_is_only_set(field) for field in fields)
    )


def _slots(cls: type[Any]) -> set[str]:
    """Return where instances keep something, weak references aside."""
    if cls.__dictoffset__:
        return {"__dict__"}
    own = {name for base in cls.__mro__ for name in vars(base).get("__slots__", ())}
    return own - {"__weakref__"}


def _is_only_set(field: "attrs.Attribute[Any]") -> bool:
    converts = field.converter not in _UNCHANGING
    plain = field.init and not converts and field.validator is None
    return plain and not getattr(field.default, "takes_self", False)
