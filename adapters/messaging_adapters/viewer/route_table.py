"""Every page of the viewer, in the order of the bar, every form, and what else is answered."""

from typing import Any, Final

from messaging_adapters.viewer.forms import Form
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.pages.audit import AUDIT
from messaging_adapters.viewer.pages.batch import BATCH
from messaging_adapters.viewer.pages.campaign import CAMPAIGN
from messaging_adapters.viewer.pages.campaign_export import EXPORT
from messaging_adapters.viewer.pages.campaigns import CAMPAIGNS
from messaging_adapters.viewer.pages.contact import CONTACT, CONTACT_FORMS
from messaging_adapters.viewer.pages.contacts import CONTACT_SEARCH, CONTACTS
from messaging_adapters.viewer.pages.message import MESSAGE, MESSAGE_FORMS
from messaging_adapters.viewer.pages.message_changes import CHANGES
from messaging_adapters.viewer.pages.message_documents import MESSAGE_DOCUMENTS
from messaging_adapters.viewer.pages.message_search import LATEST, SEARCH
from messaging_adapters.viewer.pages.messages import MESSAGES
from messaging_adapters.viewer.pages.operations import OPERATIONS
from messaging_adapters.viewer.pages.replays import JOB, REPLAY, REPLAY_FORMS
from messaging_adapters.viewer.pages.template import (
    TEMPLATE,
    TEMPLATE_DOCUMENTS,
    TEMPLATE_FORMS,
)
from messaging_adapters.viewer.pages.templates import TEMPLATES
from messaging_adapters.viewer.resources import Resource

PAGES: Final[tuple[Page[Any], ...]] = (
    MESSAGES,
    MESSAGE,
    OPERATIONS,
    REPLAY,
    JOB,
    CAMPAIGNS,
    CAMPAIGN,
    BATCH,
    CONTACTS,
    CONTACT,
    TEMPLATES,
    TEMPLATE,
    AUDIT,
)

FORMS: Final[tuple[Form, ...]] = (
    SEARCH,
    *MESSAGE_FORMS,
    *REPLAY_FORMS,
    CONTACT_SEARCH,
    *CONTACT_FORMS,
    *TEMPLATE_FORMS,
)

RESOURCES: Final[tuple[Resource, ...]] = (
    CHANGES,
    LATEST,
    EXPORT,
    *MESSAGE_DOCUMENTS,
    *TEMPLATE_DOCUMENTS,
)
