"""The pages in a real browser: accessible, at every width, by keyboard, and without scripts."""

import re
from collections.abc import Iterator
from itertools import cycle

import pytest
from playwright.sync_api import expect

from chromium import Chromium, findings, in_browser
from viewer_scene import PLACES, Scene, make_scene, served

ZOOMED = 640  # what is left of 1280 pixels at 200 %
WIDTHS = (320, 375, ZOOMED, 1280, 1920)
LOOKS = (  # pages take turns: each is looked at wide and narrow, by day and by night
    ((1280, "light"), (320, "dark")),
    ((1280, "dark"), (375, "light")),
    ((1280, "light"), (375, "dark")),
    ((1280, "dark"), (320, "light")),
)
_OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_REACHED = "main a, main button:visible, main input:visible, main select, header a, header button"
_FOCUSED = """() => {
    const part = document.activeElement, style = getComputedStyle(part);
    const isNew = part.matches("a, button, input, select, [tabindex]") && !part.met;
    part.met = true;
    const isSeen = part === document.body || part.tagName === "IFRAME"
        || style.outlineStyle !== "none" || style.boxShadow !== "none";
    return [isNew ? 1 : 0, isSeen ? "" : part.outerHTML.slice(0, 200)];
}"""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


@pytest.fixture(scope="module")
def address(scene: Scene) -> Iterator[str]:
    with served(scene.site.app) as address:
        yield address


@in_browser
def test_every_page_is_accessible_at_every_width_by_day_and_night(
    chromium: Chromium, scene: Scene, address: str
) -> None:
    faults = []
    with chromium.page() as page:
        for place, looks in zip(PLACES, cycle(LOOKS), strict=False):
            page.goto(address + scene.path(place))
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if page.evaluate(_OVERFLOW) > 0:
                    faults.append(f"{place} at {width}: scrolls sideways")
                if theme := dict(looks).get(width):
                    page.emulate_media(color_scheme=theme)
                    faults += [f"{place} at {width}, {theme}: {own}" for own in findings(page)]

    assert not faults, "\n".join(faults)


@in_browser
def test_single_keys_move_and_open(chromium: Chromium, address: str) -> None:
    with chromium.page() as page:
        page.goto(f"{address}/messages")
        links = page.locator(".list tbody a")
        for key, row in (("j", 0), ("j", 1), ("k", 0)):
            page.keyboard.press(key)
            expect(links.nth(row)).to_be_focused()
        target = links.nth(0).get_attribute("href")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"{target}$"))
        page.keyboard.press("j")  # the next of the list is an older message
        expect(page).not_to_have_url(re.compile(f"{target}$"))
        page.keyboard.press("k")
        expect(page).to_have_url(re.compile(f"{target}$"))
        page.keyboard.press("u")
        expect(page).to_have_url(f"{address}/messages")
        page.keyboard.press("o")
        expect(page).to_have_url(f"{address}/operations")
        page.keyboard.press("u")
        expect(page).to_have_url(f"{address}/messages")
        page.keyboard.press("l")
        expect(page.locator("[data-live] .label")).to_have_text("Paused")
        page.keyboard.press("t")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("t")  # not while a dialogue is open and has the focus
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        page.keyboard.press("/")
        expect(page.locator("#q")).to_be_focused()


@in_browser
def test_no_key_acts_while_somebody_types(chromium: Chromium, scene: Scene, address: str) -> None:
    typed = "ujklot?/"
    with chromium.page() as page:
        for place in ("/messages", scene.path("/messages/{later}")):
            page.goto(address + place)
            if place == "/messages":
                box = page.locator("#q")
            else:
                page.locator("header [popovertarget=cancel]").click()
                box = page.locator("#cancel [name=reason]")
            box.focus()
            page.keyboard.type(typed)
            expect(box).to_have_value(typed)
            expect(page).to_have_url(address + place)
            assert page.locator("html").get_attribute("data-theme") is None
            expect(page.locator("#keys")).to_be_hidden()


@in_browser
def test_single_keys_can_be_switched_off(chromium: Chromium, address: str) -> None:
    with chromium.page() as page:
        page.goto(f"{address}/messages")
        page.keyboard.press("?")
        page.get_by_label("Use single keys").uncheck()
        page.keyboard.press("Escape")
        page.reload()
        page.keyboard.press("t")
        page.keyboard.press("?")

        expect(page.locator("#keys")).to_be_hidden()
        assert page.locator("html").get_attribute("data-theme") is None


@in_browser
def test_tab_reaches_everything_and_shows_where_it_is(
    chromium: Chromium, scene: Scene, address: str
) -> None:
    with chromium.page() as page:
        for place in ("/messages", scene.path("/messages/{mail}")):
            page.goto(address + place)
            number = page.locator(_REACHED).count()
            reached = 0
            page.keyboard.press("Tab")
            expect(page.locator(".skip")).to_be_focused()
            for _ in range(number + 30):
                page.keyboard.press("Tab")
                is_new, unseen = page.evaluate(_FOCUSED)
                assert not unseen
                reached += is_new
                if reached == number - 1:
                    break

            assert reached == number - 1  # the link that skips was the first


@in_browser
def test_everything_is_read_filtered_paged_and_sent_without_scripts(
    chromium: Chromium,
) -> None:
    scene = make_scene()
    for number in range(60):
        scene.site.send(f"number {number}")
    with (
        served(scene.site.app) as address,
        chromium.page(java_script_enabled=False) as page,
    ):
        page.goto(f"{address}/messages")
        assert page.locator("[data-needs-script]:visible").count() == 0
        page.get_by_role("link", name="Older").click()
        expect(page.get_by_text("Canal Street 12")).to_be_visible()
        page.get_by_role("link", name="Newest").click()
        page.get_by_role("link", name=re.compile("^Scheduled")).click()
        expect(page.get_by_text("dentist")).to_be_visible()
        page.locator("#q").fill("+44 7700 900142")
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".list tbody tr")).to_have_count(1)
        assert "7700900142" not in page.url
        page.goto(address + scene.path("/messages/{later}"))
        page.get_by_role("button", name="Withdraw").click()
        page.locator("#cancel [name=reason]").fill("a mistake")
        page.locator("#cancel [type=submit]").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("withdrawn")


@in_browser
def test_what_the_visitor_prefers_is_served(chromium: Chromium, address: str) -> None:
    running = "() => document.getAnimations().filter((own) => own.playState === 'running').length"
    with chromium.page() as page:
        page.goto(f"{address}/messages")
        assert page.evaluate(running) > 0
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(running) == 0
        page.emulate_media(media="print")
        expect(page.locator(".bar")).to_be_hidden()
        expect(page.locator(".list tbody tr").first).to_be_visible()
        page.emulate_media(media="screen", forced_colors="active")
        assert findings(page) == []


@in_browser
def test_a_card_is_touched_anywhere_and_a_time_is_copied_for_programs(
    chromium: Chromium, scene: Scene, address: str
) -> None:
    phone = {"width": 375, "height": 812}
    with chromium.page(viewport=phone, permissions=["clipboard-read"]) as page:
        page.goto(f"{address}/messages?status=sending_failed")
        page.locator(".list .why").click(force=True)  # the link lies above it
        expect(page).to_have_url(address + scene.path("/messages/{failed}"))
        time = page.locator(".time time").first
        time.select_text()
        page.keyboard.press("Control+c")
        copied = page.evaluate("() => navigator.clipboard.readText()")

        assert copied == time.get_attribute("datetime") == "2026-01-05T09:03:01.000Z"
