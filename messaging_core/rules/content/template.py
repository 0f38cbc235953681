"""How a request may refer to a template."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template import (
    NumberParameter,
    Parameter,
    ProductSections,
    ProductSectionsParameter,
    TemplateReference,
    UtmParameter,
    WhatsAppProductSections,
    WhatsAppProductSectionsParameter,
)
from messaging_core.rules.content.attachments import check_attachments
from messaging_core.rules.formats.text import check_line
from messaging_core.rules.links.links import check_domain

LATEST: Final = "latest"
MAX_NAME_LENGTH: Final = 500
MAX_SECTION_TITLE: Final = 24
MAX_UTM_PARAMETERS: Final = 8
MAX_UTM_KEY: Final = 20
MAX_UTM_VALUE: Final = 100
UTM_REFERENCES: Final = ("platform_name", "channel_name")

_MAX_LOCALE_LENGTH: Final = 100
_UUID: Final = pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# RFC 5646 §2.1, `langtag` or `privateuse`, without the irregular tags kept for old times' sake.
_LOCALE: Final = pattern(
    r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})"  # language and its extensions
    r"(?:-[A-Za-z]{4})?"  # script
    r"(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"  # region
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"  # variants
    r"(?:-[0-9A-WYZa-wyz](?:-[A-Za-z0-9]{2,8})+)*"  # extensions
    r"(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?"  # private use
    r"|[Xx](?:-[A-Za-z0-9]{1,8})+"
)


def check_template(template: TemplateReference, platform: str, path: str) -> list[Violation]:
    """Hold the reference to a template to the Bird Channels API, rules 31 to 34.

    Whether there is such a template, whether it is active and whether its parameters are all
    given is not decided here: that takes the template.
    """
    violations = _check_name(template, path)
    if template.version is not None:
        violations += _check_version(template.version, f"{path}/version")
    if template.locale is not None:
        violations += check_locale(template.locale, f"{path}/locale")
    violations += _check_parameters(template.parameters, f"{path}/parameters")
    if template.variables:
        violations += _check_variables(template.variables, f"{path}/variables")
    violations += check_attachments(template.attachments, platform, f"{path}/attachments")
    if template.short_links is not None and template.short_links.domain is not None:
        violations += check_domain(template.short_links.domain, f"{path}/shortLinks/domain")
    return violations + _check_utm(template.utm_parameters, f"{path}/utmParameters")


def check_locale(value: str, path: str) -> list[Violation]:
    """Refuse what is not a well-formed language tag (BCP 47, which is RFC 5646 §2.1).

    Whether its subtags are registered is not asked. Irregular tags such as `i-klingon` are
    refused; each has a regular one in its place.
    """
    if len(value) <= _MAX_LOCALE_LENGTH and _LOCALE.fullmatch(value):
        return []
    message = "a BCP 47 language tag, such as en or pt-BR, with hyphens"
    return [Violation(path, "template.bad_locale", message)]


def _check_name(template: TemplateReference, path: str) -> list[Violation]:
    """Ask for a project or a name; a project id is any line, for hosts with ids of their own."""
    if template.project_id is None and template.name is None:
        message = "name the template by projectId or by name"
        return [Violation(path, "template.not_named", message)]
    violations: list[Violation] = []
    for value, field in ((template.project_id, "projectId"), (template.name, "name")):
        if value is not None:
            here = f"{path}/{field}"
            violations += check_line(value, here, required=True, longest=MAX_NAME_LENGTH)
    return violations


def _check_version(value: str, path: str) -> list[Violation]:
    if value == LATEST or _UUID.fullmatch(value):
        return []
    message = f'the id of a template, which is a UUID, or "{LATEST}"'
    return [Violation(path, "template.bad_version", message)]


def _check_parameters(parameters: Sequence[Parameter], path: str) -> list[Violation]:
    violations: list[Violation] = []
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        here = f"{path}/{index}"
        violations += check_line(parameter.key, f"{here}/key", required=True)
        if parameter.key in seen:
            message = "this parameter is there already: give it once"
            violations.append(Violation(f"{here}/key", "template.duplicate_key", message))
        seen.add(parameter.key)
        violations += _check_value(parameter, f"{here}/value")
    return violations


def _check_value(parameter: Parameter, path: str) -> list[Violation]:
    match parameter:
        case NumberParameter(value=float(number)) if not math.isfinite(number):
            message = "a number that JSON can hold: neither infinite nor undefined"
            return [Violation(path, "template.not_finite", message)]
        case ProductSectionsParameter(value=ProductSections(product_sections=sections)):
            titles = [section.title for section in sections]
            return _check_titles(titles, f"{path}/productSections", "title")
        case WhatsAppProductSectionsParameter(value=WhatsAppProductSections(sections=groups)):
            titles = [group.title for group in groups]
            return _check_titles(titles, f"{path}/sections", "whatsappProductSection/title")
        case _:
            return []


def _check_titles(titles: Sequence[str], path: str, field: str) -> list[Violation]:
    violations: list[Violation] = []
    for index, title in enumerate(titles):
        here = f"{path}/{index}/{field}"
        violations += check_line(title, here, required=True, longest=MAX_SECTION_TITLE)
    return violations


def _check_variables(variables: Mapping[str, str], path: str) -> list[Violation]:
    # Annotated as text, but a mapping is the one place where Python lets anything through.
    if all(type(value) is str for value in variables.values()):
        return []
    return [Violation(path, "template.variable_not_text", "the values of variables are texts")]


def _check_utm(parameters: Sequence[UtmParameter], path: str) -> list[Violation]:
    if len(parameters) > MAX_UTM_PARAMETERS:
        message = f"at most {MAX_UTM_PARAMETERS} UTM parameters, not {len(parameters)}"
        return [Violation(path, "utm.too_many", message)]
    violations: list[Violation] = []
    for index, parameter in enumerate(parameters):
        violations += _check_utm_parameter(parameter, f"{path}/{index}")
    return violations


def _check_utm_parameter(parameter: UtmParameter, path: str) -> list[Violation]:
    violations = check_line(parameter.key, f"{path}/key", required=True, longest=MAX_UTM_KEY)
    if (parameter.value is None) == (parameter.reference is None):
        message = "exactly one of value and reference"
        violations.append(Violation(path, "utm.value_or_reference", message))
    if parameter.value is not None:
        here = f"{path}/value"
        violations += check_line(parameter.value, here, required=True, longest=MAX_UTM_VALUE)
    if parameter.reference is not None and parameter.reference not in UTM_REFERENCES:
        message = f"one of {', '.join(UTM_REFERENCES)}"
        violations.append(Violation(f"{path}/reference", "utm.bad_reference", message))
    return violations
