"""The ports that a host implements, so that what they raise can end no thread of the engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from messaging_core.host_code import HostCode
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.content.template_project import Form
from messaging_core.models.people.user import Unresolved, User
from messaging_core.ports.audience import Audience
from messaging_core.ports.codes import Codes
from messaging_core.ports.files import Files
from messaging_core.ports.media import Media, MediaCheck
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine, never


@frozen
class GuardedTemplate(CompiledTemplate):
    """Render a template of a host's engine."""

    template: CompiledTemplate
    what: str

    @property
    def placeholders(self) -> tuple[str, ...]:  # noqa: D102 - the port's
        return self.template.placeholders

    def render(  # noqa: D102 - the port's
        self,
        values: Mapping[str, Any],
        *,
        locale: str = "",
        blank: Callable[[str], bool] = never,
    ) -> str:
        with HostCode(self.what):
            return self.template.render(values, locale=locale, blank=blank)


class GuardedEngine(TemplateEngine):
    """Compile with a host's engine."""

    def __init__(self, engine: TemplateEngine) -> None:
        self.name = engine.name
        self._engine = engine
        self._what = f"the template engine {engine.name}"

    def compile(  # noqa: D102 - the port's
        self, source: str, form: Form, *, line_breaks: bool = False
    ) -> CompiledTemplate:
        with HostCode(self._what):
            template = self._engine.compile(source, form, line_breaks=line_breaks)
        return GuardedTemplate(template, self._what)


@frozen
class GuardedAudience(Audience):
    """Walk the people of a host's audience."""

    audience: Audience

    def resolve(  # noqa: D102 - the port's
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        with HostCode("the audience"):
            walk = iter(self.audience.resolve(recipients, clusters))
        while True:
            with HostCode("the audience"):
                try:
                    user = next(walk)
                except StopIteration:
                    return
            yield user


@frozen
class GuardedFiles(Files):
    """Look up a host's files."""

    files: Files

    @property
    def base_url(self) -> str:  # type: ignore[override] # an attribute, and it never changes
        """Return what the URLs of these files begin with."""
        return self.files.base_url

    def size(self, name: str) -> int | None:  # noqa: D102 - the port's
        with HostCode("the file store"):
            return self.files.size(name)

    def read(self, name: str, limit: int) -> Media:  # noqa: D102 - the port's
        with HostCode("the file store"):
            return self.files.read(name, limit)


@frozen
class GuardedCodes(Codes):
    """Take codes of short links from a host."""

    codes: Codes

    def new(self) -> str:  # noqa: D102 - the port's
        with HostCode("what makes the codes of short links"):
            return self.codes.new()


@frozen
class GuardedMediaCheck(MediaCheck):
    """Ask a host's check of media URLs."""

    media_check: MediaCheck

    def check(self, url: str, channel: Channel) -> str | None:  # noqa: D102 - the port's
        with HostCode("the check of media URLs"):
            return self.media_check.check(url, channel)
