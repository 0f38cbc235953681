"""The settings of one transport or receipt parser: a table, or a DSN."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import attrs
from attrs import field

from messaging_adapters.config.discovery import adapter_type, names_of
from messaging_adapters.config.dsn import table_of_dsn, type_of_dsn
from messaging_adapters.config.keys import Key, faults_of
from messaging_adapters.config.options import FETCH_MEDIA, options_of, values_of
from messaging_adapters.config.variables import filled_in, names_in
from messaging_adapters.uploads.source import UploadedMedia
from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.ports.configuration import TRANSPORTS, AdapterType

_ENV: Final = "_env"
_MASK: Final = "…"
_IN_CODE: Final = (
    "wrappers are made in code: describe a channel for each transport, and wrap what"
    " load_config(…).make_transports() returns"
)
_WRAPPERS: Final = {
    "failover": _IN_CODE,
    "roundrobin": _IN_CODE,
    "router": _IN_CODE,
    "circuitbreaker": _IN_CODE,
    "throttled": "a rate limit has a table of its own: write [limits.NAME]",
    "sandbox": "the sandbox has a table of its own, for all channels: write [sandbox]",
}
_VARIABLE_ALONE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@frozen(kw_only=True)
class Settings:
    """What a configuration says of one adapter; `repr` shows none of it.

    Attributes:
        group: The entry points that its type is looked up in.
        given: The table or the DSN.
        in_file: Whether it comes from a file, which must not hold secrets of a table.
        adapter: What a table configures that has no type.
    """

    group: str
    given: str | Mapping[str, Any] = field(repr=False)
    in_file: bool = True
    adapter: AdapterType | None = None

    def faults(self, platform: str | None = None) -> Iterator[str]:
        """Yield everything that is wrong with it, without reading the environment.

        Args:
            platform: That of the channel, if it has one.
        """
        if self._is_variable:
            return  # only the environment knows the DSN
        try:
            parsed = self._parsed()
        except ConfigurationError as error:
            yield str(error)
            return
        yield from self._table_faults(parsed)
        platforms = parsed.adapter.platforms
        if platform and platforms and platform not in platforms:
            carried = ", ".join(sorted(platforms))
            yield f'type: {parsed.type} carries {carried} only, and the platform is "{platform}"'

    def make(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str],
        channels: Mapping[str, UUID],
        defaults: Mapping[str, Any],
    ) -> Any:
        """Make the adapter.

        Args:
            folder: What relative paths start from.
            environment: The variables.
            channels: Ids of the configured channels by name.
            defaults: Values of options that are not given, where the adapter has them; `media`
                reads uploaded files, and what the adapter is given reads all others.

        Raises:
            ConfigurationError: A variable is missing, or the adapter refuses its settings.
        """
        parsed = self._parsed(environment if self._is_variable else None)
        if self._is_variable and (faults := list(self._table_faults(parsed))):
            raise ConfigurationError("; ".join(faults))
        table = _filled_in(parsed.table, environment)
        usable = {name: value for name, value in defaults.items() if name in parsed.parameters}
        values = values_of(table, parsed.options, folder=folder, channels=channels)
        if isinstance(uploaded := usable.get("media"), UploadedMedia) and "media" in values:
            values["media"] = attrs.evolve(uploaded, others=values["media"])
        return parsed.adapter.make(**parsed.adapter.complete(usable | values))

    def takes_media(self, environment: Mapping[str, str]) -> bool:
        """Return whether the adapter carries the bytes of pictures and files itself."""
        parsed = self._parsed(environment if self._is_variable else None)
        return "media" in parsed.parameters

    def shown(self) -> dict[str, Any]:
        """Return the settings for a reader, the type first, without secrets.

        A DSN is shown by its options, and a variable by its name.
        """
        if self._is_variable:
            return {"dsn": self.given}
        parsed = self._parsed()
        hidden = {
            name: value if _is_only_variables(value) else _MASK
            for name, value in parsed.table.items()
            if name in parsed.options and parsed.options[name].secret
        }
        return {"type": parsed.type, **parsed.table, **hidden}

    @property
    def _is_variable(self) -> bool:
        return isinstance(self.given, str) and bool(_VARIABLE_ALONE.fullmatch(self.given))

    def _parsed(self, environment: Mapping[str, str] | None = None) -> "_Parsed":
        given = self.given
        if isinstance(given, str) and environment is not None:
            given = filled_in(given, environment)
        kind = None if self.adapter else self._type(given)
        adapter = self.adapter or adapter_type(self.group, str(kind))
        options = options_of(adapter)
        if isinstance(given, str):
            table = table_of_dsn(given, adapter, options)
        else:
            own = {name: value for name, value in given.items() if name != "type" or not kind}
            table = _with_variables(own, options)
        return _Parsed(type=kind, adapter=adapter, options=options, table=table)

    def _type(self, given: str | Mapping[str, Any]) -> str:
        """Return the type that a table or a DSN names."""
        kind = type_of_dsn(given) if isinstance(given, str) else given.get("type")
        checked = {} if kind is None else {"type": kind}
        type_key = Key(choices=tuple(names_of(self.group)), required=True)
        for fault in faults_of(checked, {"type": type_key}):
            offer = f"your package offers its own type in the group {self.group} of entry points"
            raise ConfigurationError(f"{fault}; {self._wrapper_remedy(kind) or offer}")
        return str(kind)

    def _wrapper_remedy(self, kind: Any) -> str | None:
        """Return where a wrapper belongs that was given as the type of a transport."""
        if self.group != TRANSPORTS:
            return None
        return _WRAPPERS.get(re.sub("[-_ ]", "", str(kind).lower()))

    def _table_faults(self, parsed: "_Parsed") -> Iterator[str]:
        secrets = {name for name, key in parsed.options.items() if key.secret}
        is_table = not isinstance(self.given, str)
        literal = {
            name
            for name in secrets & parsed.table.keys()
            if is_table and self.in_file and not _is_variables(parsed.table[name])
        }
        for name in sorted(literal):
            yield (
                f"{name}: never write a secret into this file; write {name}_env, the name of the "
                f'environment variable that holds it, or {name} = "${{NAME}}"'
            )
        kind = {} if parsed.type is None else {"type": Key()}
        keys = {**kind, **parsed.options, **{f"{name}{_ENV}": Key() for name in secrets}}
        checked = {name: value for name, value in parsed.table.items() if name not in literal}
        for fault in faults_of(checked, keys):
            if not any(fault.startswith(f"{name}: missing") for name in literal):
                yield fault
        for group in parsed.adapter.together:
            if len({name in parsed.table for name in group}) > 1:
                names = [f"{name}{_ENV}" if name in secrets else name for name in group]
                yield f"{' and '.join(names)}: give both or neither"


@frozen(kw_only=True)
class _Parsed:
    type: str | None
    adapter: AdapterType
    options: Mapping[str, Key]
    table: Mapping[str, Any] = field(repr=False)

    @property
    def parameters(self) -> set[str]:
        """Return what the adapter may be given: its options, and a source of media."""
        return {"media" if name == FETCH_MEDIA else name for name in self.options}


def _with_variables(table: dict[str, Any], options: Mapping[str, Key]) -> dict[str, Any]:
    """Return a table in which `password_env = "NAME"` has become `password = "${NAME}"`."""
    changed: dict[str, Any] = {}
    for name, value in table.items():
        option = str(name).removesuffix(_ENV)  # a key that is no text is a fault of its own
        is_secret = option != name and option in options and options[option].secret
        if is_secret and isinstance(value, str) and value:
            changed[option] = f"${{{value}}}"
        else:
            changed[name] = value
    return changed


def _is_variables(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str) and names_in(text) for text in texts)


def _is_only_variables(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str) and _VARIABLE_ALONE.fullmatch(text) for text in texts)


def _filled_in(table: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a table with its variables, or raise with every option in which one is missing."""
    filled: dict[str, Any] = {}
    faults = []
    for name, value in table.items():
        try:
            filled[name] = filled_in(value, environment)
        except ConfigurationError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ConfigurationError("; ".join(faults))
    return filled
