"""The pictures of the documentation, made by a browser of messages of every kind and state.

`MESSAGING_PICTURES=1 pytest tests/adapters/viewer/test_pictures.py` makes them again.
"""

import os
from pathlib import Path

import pytest

from chromium import Chromium, in_browser
from viewer_scene import make_scene, served

IMAGES = Path(__file__).parents[3] / "docs" / "images"
PICTURES = {"viewer-messages.png": "/messages", "viewer-message.png": "/messages/{sms}"}
MOST_BYTES = 150_000

if os.environ.get("MESSAGING_PICTURES"):

    @in_browser
    def test_pictures_are_made(chromium: Chromium) -> None:
        scene = make_scene()
        view = {"width": 1280, "height": 860}
        with served(scene.site.app) as address, chromium.page(viewport=view) as page:
            for name, place in PICTURES.items():
                page.goto(address + scene.path(place))
                page.goto(address + scene.path(place))  # now the zone of the browser is known
                page.screenshot(path=IMAGES / name)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_small_and_shown(name: str) -> None:
    content = (IMAGES / name).read_bytes()

    assert content.startswith(b"\x89PNG")
    assert len(content) <= MOST_BYTES
    assert f"images/{name}" in (IMAGES.parent / "how-to" / "viewer.md").read_text()
