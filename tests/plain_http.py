"""Requests of httpx that share one set of certificates.

httpx reads all certificates of the machine for each client and each request without one, which
takes tens of milliseconds, although these tests speak to servers without TLS.
"""

import ssl
from functools import partial
from typing import Final

import httpx

_CERTIFICATES: Final = ssl.create_default_context()

Client = partial(httpx.Client, verify=_CERTIFICATES)
AsyncClient = partial(httpx.AsyncClient, verify=_CERTIFICATES)
request = partial(httpx.request, verify=_CERTIFICATES)
get = partial(httpx.get, verify=_CERTIFICATES)
head = partial(httpx.head, verify=_CERTIFICATES)
options = partial(httpx.options, verify=_CERTIFICATES)
delete = partial(httpx.delete, verify=_CERTIFICATES)
post = partial(httpx.post, verify=_CERTIFICATES)
put = partial(httpx.put, verify=_CERTIFICATES)
patch = partial(httpx.patch, verify=_CERTIFICATES)
stream = partial(httpx.stream, verify=_CERTIFICATES)
