"""Every page of the viewer, in the order of the bar, and every form."""

from typing import Any, Final

from messaging_adapters.viewer.forms import Form
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.pages.messages import MESSAGES

PAGES: Final[tuple[Page[Any], ...]] = (MESSAGES,)

FORMS: Final[tuple[Form, ...]] = ()
