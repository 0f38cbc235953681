"""Links to contacts: the id of a contact is in them, unless it may be an address."""

import re
from typing import Final

from messaging_adapters.viewer.look_ups import LookUp, recall, remember
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.reads import Reads

_CONTACT: Final = "contact"
_MARK: Final = "~"
_PLAIN: Final = re.compile("[A-Za-z0-9_-]{1,100}")
_NUMBER: Final = re.compile("[0-9-]{9,}")


def is_plain(contact_id: str) -> bool:
    """Return whether an id can be in a link: hosts may use addresses as ids."""
    return bool(_PLAIN.fullmatch(contact_id)) and not _NUMBER.fullmatch(contact_id)


def contact_url(contact_id: str, request: PageRequest) -> str | None:
    """Return the link to a contact, if its id can be in one; otherwise a search leads there."""
    return request.urls.to("contacts", contact_id) if is_plain(contact_id) else None


async def found_url(contact_id: str, request: PageRequest, reads: Reads) -> str:
    """Return the link to a contact that was searched for; of an address it holds a key."""
    if is_plain(contact_id):
        return request.urls.to("contacts", contact_id)
    look_up = LookUp(kind=_CONTACT, value=contact_id, workspace=request.workspace)
    return request.urls.to("contacts", await remember(look_up, reads))


async def contact_id_in(request: PageRequest, reads: Reads) -> str:
    """Return the id of the contact that a path names.

    Raises:
        FilterError: The key of a search has expired.
    """
    name = request.path["contact_id"]
    if not name.startswith(_MARK):
        return name
    look_ups = await recall({_CONTACT: name}, request.workspace, reads)
    return look_ups[0].value
