"""What turns the source of a template and values into text."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from messaging_core.models.content.template_project import Form


def never(_: str) -> bool:
    """Leave no placeholder empty."""
    return False


class CompiledTemplate(Protocol):
    """Render one source any number of times; one object serves many threads at once.

    The same values give the same text, whenever and wherever: nothing of the clock, of the
    machine or of an earlier rendering may enter.

    Attributes:
        placeholders: Paths of the values that the source takes, such as `order.total`, each once,
            in order of appearance.
    """

    @property
    @abstractmethod
    def placeholders(self) -> tuple[str, ...]:
        """Return the paths of the values that the source takes."""

    @abstractmethod
    def render(
        self,
        values: Mapping[str, Any],
        *,
        locale: str = "",
        blank: Callable[[str], bool] = never,
    ) -> str:
        """Fill the values in.

        Values are inert: whatever they look like, they are neither compiled nor evaluated, and
        nothing but keys of mappings and indexes of lists is ever looked up in them.

        Args:
            values: JSON values by name.
            locale: BCP 47 tag, for what is written differently from language to language.
            blank: Says whether the place of a placeholder without value may stay empty.

        Raises:
            TemplateValueError: With every value that is missing or of no use, or with the first
                one where the language evaluates in order; or with the limit that the rendering
                would exceed.
        """


class TemplateEngine(Protocol):
    """Compile sources in one language; one object serves many threads at once.

    Attributes:
        name: What `engine` of a template version names.
    """

    name: str

    @abstractmethod
    def compile(self, source: str, form: Form, *, line_breaks: bool = False) -> CompiledTemplate:
        """Compile a source, so that rendering it is quick.

        Values are written so that they cannot leave their place: escaped in HTML and JSON, on one
        line where the form is a line.

        Args:
            source: What was stored.
            form: What it becomes.
            line_breaks: Whether line breaks in values become `<br/>` in HTML, unless the language
                lets the source choose that.

        Raises:
            TemplateSyntaxError: The source is broken, or holds a placeholder where no value could
                be made safe; with line and column, both from 1.
        """
