"""A Django project inside the test run, on a database in memory."""

from collections.abc import Iterator

import django
import pytest
from django.conf import settings
from django.test.utils import (
    setup_databases,
    setup_test_environment,
    teardown_databases,
    teardown_test_environment,
)
from django.urls import path

MESSAGING = {
    "channels": {
        "orders": {"platform": "sms", "sender": "Shop", "transport": {"type": "console"}},
        "mail": {
            "platform": "email",
            "sender": "shop@shop.example",
            "transport": {"type": "console"},
        },
    }
}
urlpatterns: list[object] = []


if not settings.configured:
    settings.configure(
        SECRET_KEY="of the tests",
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "messaging_adapters.django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        STATIC_URL="static/",
        MESSAGING=MESSAGING,
    )
    django.setup()

    from django.contrib import admin

    urlpatterns.append(path("admin/", admin.site.urls))


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    setup_test_environment()
    config = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(config, verbosity=0)
    teardown_test_environment()
