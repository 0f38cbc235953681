"""A viewer with an engine behind it, and a browser."""

from collections.abc import Iterator

import pytest

from chromium import Chromium, started_chromium
from viewer_site import Site, make_site


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    yield from started_chromium()
