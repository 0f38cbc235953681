"""A server of S3: moto, behind what moto leaves out.

In front of moto, this checks the policies of forms and the dates of signed URLs as S3 documents
them, refuses requests without a signature, and lets conditional writes be atomic: moto looks for
the key and writes it in two steps.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final
from urllib.parse import parse_qsl

import boto3
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.formparser import parse_form_data
from werkzeug.serving import WSGIRequestHandler, make_server

REGION: Final = "eu-west-1"
KEY_ID: Final = "AKIDEXAMPLE"
SECRET: Final = "a secret key of the tests"

_SIGNED: Final = {"policy", "x-amz-signature"}
_AUTHORIZATION: Final = f"AWS4-HMAC-SHA256 Credential={KEY_ID}"
_Environ = dict[str, Any]


class RefusedError(Exception):
    """S3 refuses a request."""

    def __init__(self, status: str, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class S3Server:
    """The WSGI application."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            if environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
                environ = _put_of_form(environ)
                start_response = _no_content(start_response)
            else:
                _check_signed(environ)
        except RefusedError as error:
            start_response(error.status, [("content-type", "application/xml")])
            return [f"<Error><Code>{error.code}</Code></Error>".encode()]
        with self._lock:
            return list(self._moto(environ, start_response))


def _check_signed(environ: _Environ) -> None:
    """Refuse a request without a signature, or with one that has expired."""
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    if "X-Amz-Signature" not in query:
        if not environ.get("HTTP_AUTHORIZATION", "").startswith(f"{_AUTHORIZATION}/"):
            raise RefusedError("403 Forbidden", "AccessDenied")
        return
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if _now() > signed_at + timedelta(seconds=int(query["X-Amz-Expires"])):
        raise RefusedError("403 Forbidden", "AccessDenied")


def _put_of_form(environ: _Environ) -> _Environ:
    """Check a form, and return the request that writes its file."""
    _, form, files = parse_form_data(environ)
    with closing(files["file"]) as file:
        fields, content = form.to_dict(), file.read()
    _check_policy(environ["PATH_INFO"].strip("/"), fields, len(content))
    path = f"{environ['PATH_INFO'].rstrip('/')}/{fields['key']}"
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in fields.items()
        if name.startswith("x-amz-meta-")
    }
    return {
        **environ,
        **headers,
        "REQUEST_METHOD": "PUT",
        **dict.fromkeys(("PATH_INFO", "RAW_URI", "REQUEST_URI"), path),
        "HTTP_AUTHORIZATION": f"{_AUTHORIZATION}/20261129/{REGION}/s3/aws4_request",
        "CONTENT_TYPE": fields["Content-Type"],
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": BytesIO(content),
    }


def _no_content(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Answer a form as it asks for: 204 instead of 200."""

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status.replace("200 OK", "204 No Content"), headers, *rest)

    return start


def _check_policy(bucket: str, fields: Mapping[str, str], size: int) -> None:
    """Refuse a form that its policy does not allow: https://docs.aws.amazon.com, POST policy."""
    signature = _signature(fields.get("policy", ""), fields.get("x-amz-credential", ""))
    if not hmac.compare_digest(signature, fields.get("x-amz-signature", "")):
        raise RefusedError("403 Forbidden", "SignatureDoesNotMatch")
    policy = json.loads(base64.b64decode(fields["policy"]))
    if _now() >= datetime.fromisoformat(policy["expiration"]):
        raise RefusedError("403 Forbidden", "AccessDenied")
    exact: dict[str, str] = {}
    for condition in policy["conditions"]:
        if isinstance(condition, dict):
            exact |= condition
        elif condition[0] == "content-length-range" and not condition[1] <= size <= condition[2]:
            raise RefusedError("400 Bad Request", "EntityTooLarge")
    given = {name: value for name, value in fields.items() if name not in _SIGNED}
    if {**given, "bucket": bucket} != exact:
        raise RefusedError("403 Forbidden", "AccessDenied")


def _signature(policy: str, credential: str) -> str:
    key_id, *scope = credential.split("/")
    key = f"AWS4{SECRET if key_id == KEY_ID else ''}".encode()
    for text in scope:
        key = hmac.digest(key, text.encode(), hashlib.sha256)
    return hmac.digest(key, policy.encode(), hashlib.sha256).hex()


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the clock of S3


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Write no log."""


@contextmanager
def s3_server() -> Iterator[str]:
    """Run the server on a free port, and yield its URL."""
    server = make_server("127.0.0.1", 0, S3Server(), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client_of(url: str) -> Any:
    """Return a client of boto3 for the server."""
    return boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(signature_version="s3v4"),
    )


def make_bucket(name: str) -> None:
    """Make an empty bucket."""
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(name, REGION)


def keys_of(bucket: str) -> list[str]:
    """Return the keys of the objects in a bucket."""
    return sorted(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(bucket).keys)


def unfinished_in(bucket: str) -> int:
    """Return how many uploads in parts are neither complete nor dropped."""
    return len(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(bucket).multiparts)
