"""What every storage promises about templates and short links."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.content.short_link import LinkKind, ShortLink
from messaging_core.models.content.template import TemplateShortLinks
from messaging_core.models.content.template_project import (
    PlatformContent,
    TemplateContent,
    TemplateProject,
    TemplateStatus,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)
from messaging_core.models.messages.message import Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import a_message, a_new_message
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, add, raised

_VERSION: Final = TemplateVersion(
    id=UUID(int=1),
    project_id="parcels",
    default_locale="en",
    status=TemplateStatus.ACTIVE,
    generic_content=(TemplateContent(locale="en", text="Hi {{ name }}, 詳"),),
    platform_content=(PlatformContent(platform="email", locale="en", html="<p>{{ name }}</p>"),),
    variables=(
        TemplateVariable(key="name", default="there", character_limit=30),
        TemplateVariable(key="order", type=VariableType.OBJECT, default={"lines": [1, None]}),
    ),
    short_links=TemplateShortLinks(enabled=True, domain="go.example"),
    line_breaks=True,
    created_at=AT,
    activated_at=AT,
)


def a_project(project_id: str = "parcels", **fields: Any) -> TemplateProject:
    """Return a project of templates."""
    project = TemplateProject(
        id=project_id,
        name=f"name of {project_id}",
        versions=(_VERSION, evolve(_VERSION, id=UUID(int=2), status=TemplateStatus.DRAFT)),
        created_at=AT,
        updated_at=AT,
    )
    return evolve(project, **fields)


def _save(
    storage: Storage, *projects: TemplateProject, workspace: UUID = DEFAULT_WORKSPACE
) -> None:
    with storage.begin() as tx:
        for project in projects:
            tx.templates.save(workspace, project)


def _get(
    storage: Storage, project_id: str, workspace: UUID = DEFAULT_WORKSPACE
) -> TemplateProject | None:
    with storage.begin(read_only=True) as tx:
        return tx.templates.get(workspace, project_id)


def _named(
    storage: Storage, name: str, workspace: UUID = DEFAULT_WORKSPACE
) -> TemplateProject | None:
    with storage.begin(read_only=True) as tx:
        return tx.templates.by_name(workspace, name)


def _found(storage: Storage, *, after: str = "", limit: int = 10) -> list[str]:
    with storage.begin(read_only=True) as tx:
        return [
            project.id for project in tx.templates.find(DEFAULT_WORKSPACE, after=after, limit=limit)
        ]


def a_link(code: str, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> ShortLink:
    """Return a short link with a code."""
    return ShortLink(
        code=code,
        workspace=workspace,
        message_id=message_id,
        channel_id=UUID(int=3),
        domain="go.example",
        url=f"https://shop.example/{code}/é?a=1&b=2",
        created_at=AT,
        expires_at=AT + timedelta(days=1),
    )


def _add(storage: Storage, *links: ShortLink) -> None:
    with storage.begin() as tx:
        tx.short_links.add(links)


def _links(
    storage: Storage, message_id: UUID, workspace: UUID = DEFAULT_WORKSPACE
) -> list[ShortLink]:
    with storage.begin(read_only=True) as tx:
        return tx.short_links.of_message(workspace, message_id)


def _led(storage: Storage, code: str) -> ShortLink | None:
    with storage.begin(read_only=True) as tx:
        return tx.short_links.get(code)


class TemplatesContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_project_comes_back_as_it_was_saved(self) -> None:
        storage, project = self.make_storage(), a_project()

        _save(storage, project)

        assert _get(storage, "parcels") == project
        assert _named(storage, project.name) == project

    def test_saving_again_replaces_a_project_and_its_name(self) -> None:
        storage = self.make_storage()
        renamed = a_project(name="other", versions=())

        _save(storage, a_project())
        _save(storage, renamed)

        assert _get(storage, "parcels") == _named(storage, "other") == renamed
        assert _named(storage, "name of parcels") is None
        assert _found(storage) == ["parcels"]

    def test_a_name_that_became_free_can_be_given_to_another_project(self) -> None:
        storage = self.make_storage()
        _save(storage, a_project("a", name="x"))
        _save(storage, a_project("a", name="y"))

        _save(storage, a_project("b", name="x"))

        assert _named(storage, "x") == a_project("b", name="x")
        assert _named(storage, "y") == a_project("a", name="y")

    def test_a_workspace_sees_only_its_own_templates(self) -> None:
        storage = self.make_storage()
        mine, theirs = a_project(), a_project(description="theirs")

        _save(storage, mine)
        _save(storage, theirs, workspace=OTHER_WORKSPACE)

        assert _get(storage, "parcels") == mine
        assert _get(storage, "parcels", OTHER_WORKSPACE) == theirs
        assert _named(storage, mine.name, OTHER_WORKSPACE) == theirs
        assert _found(storage) == ["parcels"]

    def test_nothing_is_found_that_was_not_saved(self) -> None:
        storage = self.make_storage()
        _save(storage, a_project())

        for wrong in ("", "PARCELS", "parcels ", "\ud800", "%"):
            assert _get(storage, wrong) is None
            assert _named(storage, wrong) is None

    def test_projects_are_listed_in_the_order_of_their_ids(self) -> None:
        storage = self.make_storage()
        _save(storage, *map(a_project, ["b", "é", "a", "Z", "😀", "ab"]))

        assert _found(storage) == ["Z", "a", "ab", "b", "é", "😀"]
        assert _found(storage, limit=2) == ["Z", "a"]
        assert _found(storage, after="a", limit=2) == ["ab", "b"]
        assert _found(storage, after="😀") == []

    def test_a_deleted_project_is_gone_and_its_name_is_free(self) -> None:
        storage = self.make_storage()
        _save(storage, a_project("a", name="x"), a_project("b"))

        with storage.begin() as tx:
            deleted = [
                tx.templates.delete(DEFAULT_WORKSPACE, project_id) for project_id in ("a", "a", "c")
            ]
            elsewhere = tx.templates.delete(OTHER_WORKSPACE, "b")
        _save(storage, a_project("d", name="x"))

        assert deleted == [True, False, False]
        assert not elsewhere
        assert _get(storage, "a") is None
        assert _named(storage, "x") == a_project("d", name="x")
        assert _found(storage) == ["b", "d"]

    def test_a_rolled_back_change_of_templates_leaves_them_as_they_were(self) -> None:
        storage, project = self.make_storage(), a_project("a", name="x")
        _save(storage, project)

        def block() -> None:
            with storage.begin() as tx:
                tx.templates.save(DEFAULT_WORKSPACE, a_project("a", name="y"))
                tx.templates.save(DEFAULT_WORKSPACE, a_project("b", name="x"))
                tx.templates.delete(DEFAULT_WORKSPACE, "a")
                raise KeyError

        raised(KeyError, block)

        assert _get(storage, "a") == _named(storage, "x") == project
        assert _named(storage, "y") is None
        assert _found(storage) == ["a"]


class ShortLinksContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_link_comes_back_by_its_code(self) -> None:
        storage, message_id = self.make_storage(), uuid4()
        link = a_link("0aZ3xYp9QwE", message_id)
        forever = evolve(a_link("0aZ3xYp9Qwe", message_id), expires_at=None)
        pixel = evolve(a_link("0aZ3xYp9QwF", message_id), kind=LinkKind.OPEN, url="")

        _add(storage, link, forever, pixel)

        assert _led(storage, link.code) == link
        assert _led(storage, forever.code) == forever
        assert _led(storage, pixel.code) == pixel

    def test_a_code_is_found_only_exactly(self) -> None:
        storage = self.make_storage()
        _add(storage, a_link("0aZ3xYp9QwE", uuid4()))

        for wrong in ("0AZ3XYP9QWE", "0aZ3xYp9Qw", "0aZ3xYp9QwE ", "", "%", "\ud800"):
            assert _led(storage, wrong) is None

    def test_the_links_of_a_message_come_in_their_order(self) -> None:
        storage, message_id = self.make_storage(), uuid4()
        links = [a_link(code, message_id) for code in ("z", "a", "m")]

        _add(storage, *links)
        _add(storage, a_link("other", uuid4()))

        assert _links(storage, message_id) == links
        assert _links(storage, uuid4()) == []
        assert _links(storage, message_id, OTHER_WORKSPACE) == []

    def test_links_go_with_what_their_message_says(self) -> None:
        storage = self.make_storage()
        erased, redacted, untouched = (
            a_new_message(a_message(status=Status.SENT)) for _ in range(3)
        )
        add(storage, erased, redacted, untouched)
        links = [
            a_link(code, new.message.id)
            for code, new in zip(("a", "b", "c"), (erased, redacted, untouched), strict=True)
        ]
        _add(storage, *links)

        with storage.begin() as tx:
            tx.retention.delete([(DEFAULT_WORKSPACE, erased.message.id)])
            tx.retention.redact([(DEFAULT_WORKSPACE, redacted.message.id)])

        assert [_led(storage, link.code) for link in links] == [None, None, links[2]]
        assert _links(storage, erased.message.id) == _links(storage, redacted.message.id) == []

    def test_links_that_were_rolled_back_do_not_exist(self) -> None:
        storage, message_id = self.make_storage(), uuid4()

        def block() -> None:
            with storage.begin() as tx:
                tx.short_links.add([a_link("a", message_id)])
                raise KeyError

        raised(KeyError, block)

        assert _led(storage, "a") is None
        assert _links(storage, message_id) == []
