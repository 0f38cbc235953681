"""The engine that needs nothing: values in the place of `{{ paths }}`, and no more."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from attrs import field

from messaging_core.errors import TemplateValueError
from messaging_core.lazy import define, frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import Form
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine, never
from messaging_core.templates.interpolation.formatting import (
    HTML_WRITERS,
    Write,
    as_html,
    as_html_with_breaks,
    as_json,
    as_json_text,
    as_line,
    as_query_value,
    as_text,
    escape,
    escape_with_breaks,
)
from messaging_core.templates.interpolation.html import Context, contexts
from messaging_core.templates.interpolation.parser import Placeholder, Text, parse, syntax_error
from messaging_core.templates.interpolation.paths import ABSENT, look_up, pointer_of
from messaging_core.templates.interpolation.urls import query_values

MAX_RENDERED_LENGTH: Final = 2_000_000
"""Most characters of a rendered text: a value of a few kilobytes may stand there many times."""

_UNSAFE: Final = (
    "no value can be made safe here: put it into text or into a quoted attribute that runs "
    "nothing, or write {{{ }}} if the value is surely your own"
)


_SEPARATOR: Final = "\0"
_ONLY_TEXTS: Final = {str}
_BULK: Final[Mapping[Write, Callable[[str], str] | None]] = {
    as_text: None,
    as_html: escape,
    as_html_with_breaks: escape_with_breaks,
}
"""What is done to texts that are written in these ways; many are done at once, joined."""


@frozen
class Slot:
    """One value that a source takes, written in one way.

    Attributes:
        blank: What stands there when there is no value.
    """

    name: str
    path: tuple[str, ...]
    write: Write
    blank: str


@frozen
class Bulk:
    """Values that are found and written together, because one by one takes five times as long.

    Attributes:
        slots: Those of one way of writing, in the order of `groups`.
        groups: The keys that lead to an object, and what takes several values out of it.
        treat: What is done to their texts, joined.
    """

    slots: tuple[Slot, ...]
    groups: tuple[tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]], ...]
    treat: Callable[[str], str] | None

    def texts(self, values: Any) -> list[str] | None:
        """Return the texts, or nothing if a value is missing or out of the ordinary."""
        items: list[Any] = []
        try:
            for parent, take in self.groups:
                mapping = values
                for key in parent:
                    mapping = mapping[key] if type(mapping) is dict else None
                if type(mapping) is not dict:
                    return None
                items += take(mapping)
        except KeyError:
            return None
        if {*map(type, items)} != _ONLY_TEXTS:
            items = [value if type(value) is str else as_text(value) for value in items]
            if None in items:
                return None
        return items if self.treat is None else self._treated(items, self.treat)

    def _treated(self, texts: list[str], treat: Callable[[str], str]) -> list[str] | None:
        treated = treat(_SEPARATOR.join(texts)).split(_SEPARATOR)
        return treated if len(treated) == len(texts) else None  # a value holds the separator


@define(eq=False)
class Interpolation(CompiledTemplate):
    """A source as a flat list of texts, every other one the place of a value.

    Attributes:
        pieces: The literal texts, with an empty text in the place of each value.
        bulks: The slots that are written together; they come first.
        slots: Each value once for each way of writing it, however often it occurs.
        order: Which slot stands in each place.
    """

    placeholders: tuple[str, ...]
    pieces: tuple[str, ...] = field(repr=False)
    bulks: tuple[Bulk, ...] = field(repr=False)
    slots: tuple[Slot, ...] = field(repr=False)
    order: tuple[int, ...] = field(repr=False)
    literal_length: int
    _arrange: Callable[[Any], tuple[str, ...]] = field(repr=False)

    def render(
        self,
        values: Mapping[str, Any],
        *,
        locale: str = "",  # noqa: ARG002 - nothing here depends on the language
        blank: Callable[[str], bool] = never,
    ) -> str:
        """Fill the values in."""
        texts: list[str] = []
        for bulk in self.bulks:
            quick = bulk.texts(values)
            texts += self._one_by_one(bulk.slots, values, blank) if quick is None else quick
        if len(texts) < len(self.slots):
            texts += self._one_by_one(self.slots[len(texts) :], values, blank)
        arranged = self._arrange(texts)
        if self.literal_length + sum(map(len, arranged)) > MAX_RENDERED_LENGTH:
            message = f"the text would have more than {MAX_RENDERED_LENGTH} characters"
            raise TemplateValueError((Violation("", "template.too_large", message),))
        pieces = list(self.pieces)
        pieces[1::2] = arranged
        return "".join(pieces)

    def _one_by_one(
        self, slots: Sequence[Slot], values: Mapping[str, Any], blank: Callable[[str], bool]
    ) -> Iterator[str]:
        for slot in slots:
            value = _value(values, slot)
            text = None if value is None or value is ABSENT else slot.write(value)
            if text is None:
                if not _is_missing(value) or not blank(slot.name):
                    raise TemplateValueError(tuple(self._faults(values, blank)))
                text = slot.blank
            yield text

    def _faults(
        self, values: Mapping[str, Any], blank: Callable[[str], bool]
    ) -> Iterator[Violation]:
        """Report each value that is missing or of no use, once, in the order of the source."""
        slots: dict[str, list[Slot]] = {}
        for slot in self.slots:
            slots.setdefault(slot.name, []).append(slot)
        for name in self.placeholders:
            value = _value(values, slots[name][0])
            if _is_missing(value):
                if not blank(name):
                    message = f"{name} has no value"
                    yield Violation(pointer_of(name), "template.missing_variable", message)
            elif any(slot.write(value) is None for slot in slots[name]):
                message = f"{name} is no text, number or date: name a part of it"
                yield Violation(pointer_of(name), "template.not_writable", message)


def _value(values: Any, slot: Slot) -> Any:
    for key in slot.path:
        values = look_up(values, key)
    return values


def _is_missing(value: Any) -> bool:
    return value is None or value is ABSENT


class InterpolationEngine(TemplateEngine):
    """Fill values in, escaped as the form asks for; `{{{ path }}}` leaves a value as it is.

    In HTML, values are escaped for text and quoted attributes. A placeholder in a script, a
    style, an event handler or a value without quotes is refused, and a URL of a scheme that runs
    something becomes `#blocked`. In JSON, a placeholder within quotes becomes part of that text,
    and one outside them a whole JSON value.
    """

    name = "interpolation"

    def compile(self, source: str, form: Form, *, line_breaks: bool = False) -> Interpolation:
        """Compile a source, or find it among those compiled last."""
        return _compile(source, form, line_breaks)


def interpolate(
    source: str,
    values: Mapping[str, Any],
    form: Form = Form.TEXT,
    *,
    line_breaks: bool = False,
    blank: Callable[[str], bool] = never,
) -> str:
    """Fill values into a source.

    Raises:
        TemplateSyntaxError: The source is broken.
        TemplateValueError: Values are missing or of no use.
    """
    return _compile(source, form, line_breaks).render(values, blank=blank)


@lru_cache(maxsize=256)
def _compile(source: str, form: Form, line_breaks: bool) -> Interpolation:  # noqa: FBT001 - private
    text = parse(source)
    writers = _writers(text, form, line_breaks=line_breaks)
    in_order = [_slot(placeholder, next(writers)) for placeholder in text.placeholders]
    bulks = tuple(_bulks(dict.fromkeys(in_order)))
    bulked = [slot for bulk in bulks for slot in bulk.slots]
    slots = tuple(dict.fromkeys([*bulked, *in_order]))
    numbers = {slot: number for number, slot in enumerate(slots)}
    order = tuple(numbers[slot] for slot in in_order)
    pieces = _alternating(text)
    return Interpolation(
        placeholders=tuple(dict.fromkeys(slot.name for slot in in_order)),
        pieces=pieces,
        bulks=bulks,
        slots=slots,
        order=order,
        literal_length=sum(map(len, pieces)),
        arrange=_taker(order),
    )


def _alternating(text: Text) -> tuple[str, ...]:
    """Return the literal texts, one before, between and after the empty places of values."""
    pieces = [""]
    for piece in text.pieces:
        if isinstance(piece, str):
            pieces[-1] = piece
        else:
            pieces += ("", "")
    return tuple(pieces)


def _bulks(slots: Iterable[Slot]) -> Iterator[Bulk]:
    """Put slots together that are written alike, and within them those out of one object."""
    by_write: dict[Write, dict[tuple[str, ...], list[Slot]]] = {}
    for slot in slots:
        if slot.write in _BULK:
            by_write.setdefault(slot.write, {}).setdefault(slot.path[:-1], []).append(slot)
    for write, groups in by_write.items():
        yield Bulk(
            tuple(slot for group in groups.values() for slot in group),
            tuple(
                (parent, _taker([slot.path[-1] for slot in group]))
                for parent, group in groups.items()
            ),
            _BULK[write],
        )


def _taker(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what takes several things out of something, always as a tuple."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda source: tuple(source[key] for key in keys)


def _slot(placeholder: Placeholder, write: Write) -> Slot:
    blank = "null" if write is as_json else ""
    return Slot(placeholder.name, tuple(placeholder.name.split(".")), write, blank)


def _writers(text: Text, form: Form, *, line_breaks: bool) -> Iterator[Write]:
    """Yield how the value of each placeholder is written."""
    match form:
        case Form.HTML:
            return _html_writers(text, line_breaks=line_breaks)
        case Form.JSON:
            return _json_writers(text)
        case Form.LINE:  # also what is raw stays on its line
            return _text_writers(text, as_line)
        case _:
            return _text_writers(text, as_text)


def _text_writers(text: Text, plain: Write) -> Iterator[Write]:
    pieces = (piece if isinstance(piece, str) else None for piece in text.pieces)
    for placeholder, is_query_value in zip(text.placeholders, query_values(pieces), strict=True):
        yield as_query_value if is_query_value and not placeholder.raw else plain


def _html_writers(text: Text, *, line_breaks: bool) -> Iterator[Write]:
    pieces = (piece if isinstance(piece, str) else None for piece in text.pieces)
    for placeholder, context in zip(text.placeholders, contexts(pieces), strict=True):
        if placeholder.raw:
            yield as_text
        elif context is Context.UNSAFE:
            raise syntax_error(text.source, placeholder.offset, _UNSAFE)
        elif line_breaks and context is Context.TEXT:
            yield as_html_with_breaks
        else:
            yield HTML_WRITERS[context]


def _json_writers(text: Text) -> Iterator[Write]:
    within = False
    for piece in text.pieces:
        if isinstance(piece, Placeholder):
            yield as_text if piece.raw else as_json_text if within else as_json
        else:
            quotes = piece.replace("\\\\", "").replace('\\"', "").count('"')
            within ^= quotes % 2 == 1
