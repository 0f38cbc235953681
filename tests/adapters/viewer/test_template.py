"""Templates: how they look, with which values, in every language."""

import re
import threading
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.pages import template, templates
from messaging_core.models import TemplateVersion
from viewer_site import OTHER, READER, Site, csrf_of, submit, words

VERSION = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
PATH = f"/templates/parcels/{VERSION}"
PARCELS: dict[str, Any] = {
    "id": str(VERSION),
    "projectId": "parcels",
    "defaultLocale": "en",
    "genericContent": [
        {"locale": "en", "subject": "Parcel", "text": "Hi {{ name }}, locker {{ locker }}."},
        {"locale": "nl", "subject": "Pakket", "text": "Hoi {{ name }}, kluis {{ locker }} é😀."},
    ],
    "variables": [
        {"key": "name", "default": "there", "description": "The first name"},
        {"key": "locker", "type": "number"},
        {"key": "unused", "required": False},
    ],
}
MAIL_CONTENT = [
    {
        "platform": "email",
        "locale": "en",
        "subject": "A parcel for {{ name }}",
        "html": '<p>Hi {{ name }}</p><img src="https://evil.example/x.png"><script>x</script>',
    }
]


def save(site: Site, *, project: str = "parcels", activate: bool = True, **changes: Any) -> None:
    version = {**PARCELS, "projectId": project, **changes}
    site.messenger.templates.save(project, version)
    if activate:
        site.messenger.templates.activate(project, UUID(version["id"]))


def submit_values(site: Site, path: str = PATH, **typed: str) -> str:
    """Send the form, and return the link to which it leads."""
    token = csrf_of(site.get(path))
    fields = {f"value.{name}": value for name, value in typed.items()}
    base, _, query = path.partition("?")
    data = {"csrf": token, **dict(pair.split("=") for pair in query.split("&") if pair), **fields}
    headers = {"sec-fetch-site": "same-origin"}
    answer = site.request("POST", f"{base}/values", data=data, headers=headers)
    assert answer.status_code == 303, words(answer)
    return answer.headers["location"]


def previews(site: Site, path: str) -> dict[str, Any]:
    base, _, query = path.partition("?")
    page = site.get(f"{base}.json?{query}").json()
    return {own["locale"]: own for own in page["previews"]}


def test_every_language_stands_beside_the_others_with_examples(site: Site) -> None:
    save(site)

    page = site.get(PATH)
    own = previews(site, PATH)

    assert list(own) == ["en", "nl"]
    assert own["en"]["sms"]["words"] == "Hi there, locker 1."
    assert own["nl"]["sms"]["summary"] == "SMS in one part, UCS-2, 23 units"
    assert "These are the defaults of the template" in words(page)
    assert "not used" in words(page)
    assert "The first name" in words(page)
    assert 'value="[unused]"' in page.text


def test_typed_values_are_in_no_link(site: Site) -> None:
    save(site)

    location = submit_values(site, name="Zoë", locker="12", unused="")

    assert "Zo" not in location
    assert re.search("[?&]data=~?%?", location)
    assert previews(site, location)["en"]["sms"]["words"] == "Hi Zoë, locker 12."
    assert 'value="Zoë"' in site.get(location).text


def test_missing_values_are_marked(site: Site) -> None:
    save(site)

    location = submit_values(site, name="", locker="", unused="x")
    page = site.get(location)
    fields = {own["key"]: own for own in site.get(_json(location)).json()["fields"]}

    assert "Values are missing: see the form." in words(page)
    assert fields["locker"]["isMissing"]
    assert not fields["name"]["isMissing"]
    assert "locker number missing" in words(page)


def _json(path: str) -> str:
    base, _, query = path.partition("?")
    return f"{base}.json?{query}"


@pytest.mark.parametrize(
    ("type_", "typed", "fault"),
    [
        ("number", "{", "line 1, column 2"),
        ("number", "NaN", "a value of JSON"),
        ("number", "true", "locker is a number"),
        ("boolean", "maybe", "true or false"),
        ("dateTime", "tomorrow", "locker is a dateTime"),
        ("object", '{"a": 1,\n "b" 2}', "line 2, column 6"),
        ("object", "[" * 5000, "at most 200 lists"),
        ("object", "1", "locker is a object"),
        ("number", "1" * 5000, ""),
    ],
)
def test_faults_of_values_stand_at_the_value(
    site: Site, type_: str, typed: str, fault: str
) -> None:
    variables = [{"key": "name", "default": "x"}, {"key": "locker", "type": type_}]
    save(site, variables=variables)

    location = submit_values(site, name="a", locker=typed)
    fields = {own["key"]: own for own in site.get(_json(location)).json()["fields"]}

    assert fault in " ".join(fields["locker"]["faults"])
    assert fields["locker"]["words"] == typed
    assert site.get(location).status_code == 200


def test_objects_have_an_example_with_each_value_that_is_used(site: Site) -> None:
    content = [{"locale": "en", "text": "{{ order.total }} to {{ order.to.city }}"}]
    save(site, genericContent=content, variables=[{"key": "order", "type": "object"}])

    assert previews(site, PATH)["en"]["sms"]["words"] == "[total] to [city]"


def test_a_mail_stands_in_a_frame_that_can_do_nothing(site: Site) -> None:
    save(site, platformContent=MAIL_CONTENT)
    location = submit_values(site, f"{PATH}?platform=email", name="<b>Zoë", locker="1")

    page = site.get(location)
    frame = re.search(r'<iframe sandbox="" src="([^"]+)"', page.text)
    assert frame
    document = site.get(frame[1].replace("&amp;", "&"))

    assert document.status_code == 200
    assert "Hi &lt;b&gt;Zoë" in document.text
    assert "evil.example" not in document.text
    assert "<script" not in document.text
    assert "sandbox; default-src 'none'" in document.headers["content-security-policy"]
    assert f"frame-src shop.example{PATH}/html;" in page.headers["content-security-policy"]
    assert "Held back: 1 picture. Inert: 1 script." in words(page)
    assert "A parcel for <b>Zoë" in words(page)


def test_a_push_message_is_a_card(site: Site) -> None:
    save(site)

    page = words(site.get(f"{PATH}?platform=push&locale=nl"))

    assert "northmill now Pakket Hoi there, kluis 1" in page
    assert "Parcel" not in page


def test_one_language_can_be_chosen(site: Site) -> None:
    save(site)

    assert list(previews(site, f"{PATH}?locale=nl")) == ["nl"]
    assert list(previews(site, submit_values(site, f"{PATH}?locale=nl", locker="1"))) == ["nl"]


@pytest.mark.parametrize("query", ["locale=xx", "platform=fax", "data=~none", "data=x", "colour=1"])
def test_a_wrong_choice_is_named(site: Site, query: str) -> None:
    save(site)

    answer = site.get(f"{PATH}?{query}")

    assert answer.status_code == 422
    assert f"The filter {query.partition('=')[0]} " in words(answer)


def test_values_expire_and_belong_to_their_workspace(site: Site) -> None:
    save(site)
    location = submit_values(site, name="Zoë", locker="1")
    site.messenger.templates.save("parcels", PARCELS, workspace=OTHER)
    site.visitor = Visitor(name="Other", workspaces=[OTHER])  # type: ignore[arg-type]
    assert site.get(location).status_code == 422
    site.visitor = READER

    site.clock.advance(hours=2)

    assert site.get(location).status_code == 422


def test_too_many_values_are_refused(site: Site) -> None:
    save(site)

    answer = submit(site, PATH, f"{PATH}/values", **{"value.name": "é" * 100_001})

    assert answer.status_code == 422
    assert "200,000 bytes" in words(answer)


def test_a_template_that_takes_too_long_leaves_the_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(site)
    site.seconds = 1
    is_over = threading.Event()

    def slow(*_args: object, **_kwargs: object) -> template.Drawn:
        is_over.wait(10)
        return template.Drawn()

    monkeypatch.setattr(template, "draw", slow)
    try:
        page = site.get(PATH)
    finally:
        is_over.set()

    assert page.status_code == 200
    assert "This took too long" in words(page)


def test_a_broken_template_names_line_and_column(site: Site) -> None:
    save(site)
    project = site.messenger.templates.get("parcels")
    (version,) = project.versions
    broken = _with_text(version, "fine\nand {{ broken")
    with site.messenger.storage.begin() as tx:
        tx.templates.save(
            site.messenger.channel("orders-sms").workspace, _with_version(project, broken)
        )

    page = words(site.get(PATH))

    assert "The template is broken. line 2, column 5" in page


def _with_text(version: TemplateVersion, text: str) -> TemplateVersion:
    content = evolve(version.generic_content[0], text=text)
    return evolve(version, generic_content=(content,))


def _with_version(project: Any, version: TemplateVersion) -> Any:
    return evolve(project, versions=(version,))


def test_drafts_and_older_versions_have_links(site: Site) -> None:
    save(site)
    draft = UUID(int=7, version=4)
    save(site, activate=False, id=str(draft))

    page = site.get(PATH)

    assert "2, draft" in words(page)
    assert f'href="/templates/parcels/{draft}"' in page.text
    assert site.get("/templates/parcels/latest").status_code == 200
    assert site.get(f"/templates/parcels/{UUID(int=9)}").status_code == 404
    assert site.get(f"/templates/other/{VERSION}").status_code == 404
    assert site.get("/templates/parcels/x").status_code == 404


@pytest.mark.parametrize("project", ["a/b~c.json", "über uns", "?#%"])
def test_any_id_of_a_project_is_a_link(site: Site, project: str) -> None:
    save(site, project=project)

    (row,) = site.get("/templates.json").json()["rows"]

    assert site.get(row["url"]).status_code == 200
    assert previews(site, submit_values(site, row["url"], locker="3"))["en"]["sms"]


def test_the_list_is_paged(site: Site) -> None:
    for number in range(templates.ROWS + 1):
        save(site, project=f"t-{number:03}", activate=False)

    first = site.get("/templates.json").json()
    second = site.get(first["nextUrl"].replace("/templates?", "/templates.json?")).json()

    assert [row["id"] for row in second["rows"]] == [f"t-{templates.ROWS:03}"]
    assert second["rows"][0]["states"] == ["draft"]
    assert "en, nl · any platform" in words(site.get("/templates"))
    assert site.get("/templates?pageToken=!").status_code == 422


def test_the_empty_list_says_how_to_store_the_first_one(site: Site) -> None:
    page = site.get("/templates")
    snippet = re.search("<pre[^>]*>(.*?)</pre>", page.text, re.DOTALL)
    assert snippet
    code = snippet[1].replace("&#34;", '"')

    exec(code, {"messenger": site.messenger})  # noqa: S102 - what the page tells to run

    assert "welcome" in words(site.get("/templates"))
    (row,) = site.get("/templates.json").json()["rows"]
    assert previews(site, row["url"])["en"]["sms"]["words"] == "Hi there, your parcel is here."


@pytest.mark.parametrize("right", list(Right))
def test_the_form_needs_the_token_and_no_right_but_to_look(site: Site, right: Right) -> None:
    save(site)
    site.visitor = Visitor(name="Rina", may=frozenset({right}))

    assert submit_values(site, locker="1")
    headers = {"sec-fetch-site": "same-origin"}
    refused = site.request("POST", f"{PATH}/values", data={"value.locker": "1"}, headers=headers)
    assert refused.status_code == 403
    site.visitor = None
    for path in ("/templates", PATH, f"{PATH}/html?locale=en"):
        assert site.get(path).status_code == 403


def test_hostile_texts_are_text(site: Site) -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e'
    save(
        site,
        description=hostile,
        genericContent=[{"locale": "en", "subject": hostile, "text": hostile + "{{ name }}"}],
        variables=[{"key": "name", "description": hostile}],
    )
    site.messenger.templates.save(
        "parcels", {**PARCELS, "id": str(UUID(int=8, version=4))}, name=hostile[:-1]
    )

    pages = [site.get("/templates")]
    for platform in ("sms", "email", "push"):
        location = submit_values(site, f"{PATH}?platform={platform}", name=hostile[:-1])
        pages.append(site.get(location))

    for page in pages:
        assert page.status_code == 200
        assert "<img" not in page.text
        assert "\u202e" not in page.text
