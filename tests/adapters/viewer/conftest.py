"""A viewer with an engine behind it."""

import pytest

from viewer_site import Site, make_site


@pytest.fixture
def site() -> Site:
    return make_site()
