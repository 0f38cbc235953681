"""Compile, check, inspect and render templates, without storage or clock.

A module is imported when one of its names is first asked for: most programs use no templates.
"""

from typing import TYPE_CHECKING

from messaging_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from messaging_core.templates.checking import check_project, check_version
    from messaging_core.templates.inspection import inspect
    from messaging_core.templates.interpolation.engine import InterpolationEngine, interpolate
    from messaging_core.templates.interpolation.parser import Placeholder, Text, parse
    from messaging_core.templates.interpolation.values import values_of_data, values_of_request
    from messaging_core.templates.locales import choose_content, choose_locale
    from messaging_core.templates.mia_import import from_mia, to_mia
    from messaging_core.templates.projects import (
        activate,
        choose_version,
        deactivate,
        edited,
        latest,
        save_draft,
        without_draft,
    )
    from messaging_core.templates.rendering import pinned, render_request, render_template
    from messaging_core.templates.sources import DEFAULT_ENGINES, Engines

__all__ = [
    "DEFAULT_ENGINES",
    "Engines",
    "InterpolationEngine",
    "Placeholder",
    "Text",
    "activate",
    "check_project",
    "check_version",
    "choose_content",
    "choose_locale",
    "choose_version",
    "deactivate",
    "edited",
    "from_mia",
    "inspect",
    "interpolate",
    "latest",
    "parse",
    "pinned",
    "render_request",
    "render_template",
    "save_draft",
    "to_mia",
    "values_of_data",
    "values_of_request",
    "without_draft",
]

_NAMES = {
    "checking": "check_project check_version",
    "inspection": "inspect",
    "interpolation.engine": "InterpolationEngine interpolate",
    "interpolation.parser": "Placeholder Text parse",
    "interpolation.values": "values_of_data values_of_request",
    "locales": "choose_content choose_locale",
    "mia_import": "from_mia to_mia",
    "projects": "activate choose_version deactivate edited latest save_draft without_draft",
    "rendering": "pinned render_request render_template",
    "sources": "DEFAULT_ENGINES Engines",
}

__getattr__, __dir__ = lazy_names(
    __name__, {name: module for module, names in _NAMES.items() for name in names.split()}
)
