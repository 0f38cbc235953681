"""Requests out of a CSV file: a stored template, filled with the columns of each row."""

import hashlib
import os
import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import evolve

from messaging_adapters.cli.config.engine import Engine
from messaging_adapters.cli.csv_rows import Row, check_encoding, rows_of
from messaging_adapters.cli.line_keys import LINE
from messaging_adapters.cli.request_lines import Line, Source
from messaging_adapters.cli.usage import UsageError
from messaging_adapters.config.keys import near
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import (
    Missing,
    TemplateProject,
    TemplateVersion,
    VariableType,
)
from messaging_core.templates import latest
from messaging_core.templates.interpolation.paths import covers

TO: Final = "to"
"""The column of the receiver, where the command names none."""

Remark = Callable[[str], None]
"""Says something beside the results."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
_FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_PARAMETERS: Final = {kind: kind.value for kind in VariableType} | {
    VariableType.DATE_TIME: "string"
}
_EXPECTED: Final = {
    VariableType.NUMBER: "a number, such as 12 or 12.50",
    VariableType.BOOLEAN: "true or false",
    VariableType.OBJECT: "a JSON object",
}


def csv_source(
    source: Source, options: Namespace, channel: str | None, engine: Engine, remark: Remark
) -> Source:
    """Return a file as what the command says it is: CSV, or requests as JSON lines.

    Args:
        source: The file.
        options: Of the command.
        channel: The channel of every row.
        engine: Has the templates.
        remark: Is told which columns are not used.

    Raises:
        UsageError: The template does not exist, or an option is missing or has no meaning.
    """
    if not options.csv:
        for name in ("template", "to", "locale", "tag", "encoding"):
            if getattr(options, name):
                raise UsageError(f"--{name} needs --csv: a line of JSON says it itself")
        return source
    if not options.template:
        raise UsageError("--csv needs --template NAME, which the columns fill")
    if channel is None:
        names = ", ".join(engine.config.channels)
        raise UsageError(f"which channel? Give --channel NAME; there are: {names}")
    project = _project(engine, engine.channel(channel), options.template)
    return CsvSource(
        name=source.name,
        stream=source.stream,
        size=source.size,
        encoding=check_encoding(options.encoding or "utf-8"),
        project=project,
        version=_version(project),
        to=options.to or TO,
        locale=options.locale,
        key=None if options.idempotency_key in (None, LINE) else options.idempotency_key,
        tags=options.tag or (),
        remark=remark,
    )


def _project(engine: Engine, channel: Channel, name: str) -> TemplateProject:
    templates, workspace = engine.messenger.templates, channel.workspace
    page = templates.find(name=name, workspace=workspace)
    if page.results:
        return page.results[0]
    names = [project.name for project in templates.find(workspace=workspace).results]
    known = ", ".join(names) or "none in this database"
    raise UsageError(f'no template "{name}"{near(name, names)}; there are: {known}')


def _version(project: TemplateProject) -> TemplateVersion:
    version = latest(project.versions)
    if version is None:
        raise UsageError(f'the template "{project.name}" has no active version: activate one')
    return version


@frozen(kw_only=True)
class CsvSource(Source):
    """An open CSV file, whose rows fill a template.

    Attributes:
        encoding: Of the file.
        project: The template.
        version: The version that says which values it takes.
        to: The column of the receiver.
        locale: The column of the language of the template.
        key: The column of what tells messages apart; without one, the row is.
        tags: Of every message.
        remark: Is told which columns are not used.
    """

    encoding: str
    project: TemplateProject
    version: TemplateVersion
    to: str
    locale: str | None
    key: str | None
    tags: Sequence[str]
    remark: Remark

    def lines(self, channel: str | None, first: int = 1) -> Iterator[Line]:
        """Yield the request of each row.

        Args:
            channel: Of all of them.
            first: Number of the first line to yield; the names of the columns are always read.

        Raises:
            UsageError: The file has no columns, or not those that the template takes.
        """
        rows = rows_of(self.name, self._raw_lines(), self.encoding)
        columns = self._columns(next(rows, None))
        kinds = self._kinds(columns)
        self._note_unused([name for name in columns if name and name not in kinds])
        for row in rows:
            if row.number >= first:
                yield self._line(row, columns, kinds, channel)

    def _columns(self, header: Row | None) -> list[str]:
        if header is None:
            raise UsageError(f"{self.name}: the file is empty; its first line names the columns")
        place = f"{self.name}:{header.number}"
        if header.fault:
            raise UsageError(f"{place}: {header.fault}")
        columns = [value.strip() for value in header.values]
        for name in filter(None, columns):
            if columns.count(name) > 1:
                raise UsageError(f'{place}: two columns are called "{name}": rename one of them')
        self._check_named(place, columns)
        self._check_needed(place, columns)
        return columns

    def _check_named(self, place: str, columns: Sequence[str]) -> None:
        chosen = {"to": self.to, "locale": self.locale, "idempotency-key": self.key}
        for option, name in chosen.items():
            if name and name not in columns:
                raise UsageError(
                    f'{place}: no column "{name}"{near(name, columns)}; give --{option} COLUMN; '
                    f"the columns are: {_listed(columns)}"
                )

    def _check_needed(self, place: str, columns: Sequence[str]) -> None:
        lacking = [
            variable.key
            for variable in self.version.variables
            if self.version.missing is Missing.ERROR
            and variable.required
            and variable.default is None
            and not any(covers(variable.key, name) for name in columns)
        ]
        if lacking:
            raise UsageError(
                f'{place}: the template "{self.project.name}" takes {", ".join(lacking)}, and no '
                f"column has this name; the columns are: {_listed(columns)}"
            )

    def _kinds(self, columns: Sequence[str]) -> dict[str, VariableType]:
        """Return the type of each column that the template takes."""
        types = {variable.key: variable.type for variable in self.version.variables}
        return {
            name: types.get(name, VariableType.STRING)
            for name in columns
            if any(covers(key, name) for key in types)
        }

    def _note_unused(self, names: Sequence[str]) -> None:
        unused = [name for name in names if name not in (self.to, self.locale, self.key)]
        if unused:
            self.remark(f"{self.name}: not used by the template: {_listed(unused)}")

    def _line(
        self,
        row: Row,
        columns: Sequence[str],
        kinds: Mapping[str, VariableType],
        channel: str | None,
    ) -> Line:
        line = Line(number=row.number, size=row.size, channel=channel, request={})
        if row.fault:
            return evolve(line, fault=Violation("", "csv.unreadable", row.fault))
        if len(row.values) != len(columns):
            message = f"{len(row.values)} values for {len(columns)} columns"
            return evolve(line, fault=Violation("", "csv.columns", message))
        cells = dict(zip(columns, row.values, strict=True))
        if self.key and not cells[self.key].strip():
            message = "there is no text here to make an idempotency key of"
            return evolve(line, fault=Violation(self.key, "idempotency.invalid_key", message))
        parameters = []
        for name, kind in kinds.items():
            if not cells[name].strip():
                continue  # the default of the template counts
            value = _value(cells[name], kind)
            if value is None:
                message = f"must be {_EXPECTED[kind]}"
                return evolve(line, fault=Violation(name, "csv.value", message))
            parameters.append({"type": _PARAMETERS[kind], "key": name, "value": value})
        return evolve(
            line,
            request=self._request(cells, parameters),
            key=self._key(cells[self.key]) if self.key else None,
            columns=(self.to, *(parameter["key"] for parameter in parameters)),
        )

    def _request(
        self, cells: Mapping[str, str], parameters: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        template: dict[str, Any] = {"name": self.project.name, "parameters": parameters}
        if self.locale and (locale := cells[self.locale].strip()):
            template["locale"] = locale
        contact = {"identifierValue": cells[self.to].strip()}
        request = {"receiver": {"contacts": [contact]}, "template": template}
        return {**request, "tags": list(self.tags)} if self.tags else request

    def _key(self, value: str) -> str:
        """Return the key of a row: the same value in another file is another message."""
        place = f"{os.path.basename(self.name)}\0{self.project.name}\0{value.strip()}"  # noqa: PTH119 - `-` and pipes are names too
        return f"csv:{hashlib.sha256(place.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(filter(None, names))


def _value(text: str, kind: VariableType) -> Any:
    """Return the value of a cell, or nothing if it is of another kind."""
    if kind is VariableType.NUMBER:
        number = _NUMBER.fullmatch(text.strip())
        return number and (float(text) if number[1] else int(text))
    if kind is VariableType.BOOLEAN:
        return _FLAGS.get(text.strip().lower())
    if kind is VariableType.OBJECT:
        return _object(text)
    return text


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
