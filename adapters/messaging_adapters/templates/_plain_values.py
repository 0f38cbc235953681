"""Copy what a template gets to see: JSON values, and never an object of the host's."""

from collections.abc import Mapping
from typing import Any, Final

from messaging_core.errors import TemplateValueError
from messaging_core.models.common.violation import Violation
from messaging_core.templates.interpolation.formatting import as_text

_DEEPEST: Final = 100


def plain_object(values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy values; what is no JSON value becomes text.

    Raises:
        TemplateValueError: They are nested too deep.
    """
    return {str(key): _plain(value, _DEEPEST) for key, value in values.items()}


def _plain(value: Any, levels: int) -> Any:
    if levels < 0:
        message = f"the values are nested deeper than {_DEEPEST} levels"
        raise TemplateValueError((Violation("", "template.too_large", message),))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, levels - 1) for item in value]
    return value if type(value) in {int, float} else as_text(value)
