"""Compile, check, inspect and render templates, without storage or clock."""

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
