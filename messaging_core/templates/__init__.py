"""Templates: compile, check, inspect and render them, without storage or clock."""

from messaging_core.templating.checking import check_project, check_version
from messaging_core.templating.inspection import inspect
from messaging_core.templating.interpolation import InterpolationEngine, interpolate
from messaging_core.templating.locales import choose_content, choose_locale
from messaging_core.templating.mia import from_mia, to_mia
from messaging_core.templating.pieces import Placeholder, Text, parse
from messaging_core.templating.projects import (
    activate,
    choose_version,
    deactivate,
    latest,
    save_draft,
)
from messaging_core.templating.rendering import pinned, render_request, render_template
from messaging_core.templating.sources import DEFAULT_ENGINES, Engines
from messaging_core.templating.values import values_of_data, values_of_request

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
]
