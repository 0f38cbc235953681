"""Settings of a small shop: what is about messages stands at the end."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[1]
SECRET_KEY = os.environ.get("SECRET_KEY", "only for development")
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "messaging_adapters.django",
    "orders",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
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
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", BASE_DIR / "shop.sqlite3"),
    }
}
if "SHOP_PGHOST" in os.environ:
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["SHOP_PGHOST"],
        "NAME": os.environ.get("SHOP_PGDATABASE", "postgres"),
        "USER": os.environ.get("SHOP_PGUSER", "postgres"),
    }

# Messages: the channels with their transports, and Django's own mails through one of them.
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
EMAIL_BACKEND = "messaging_adapters.django.email.EmailBackend"
DEFAULT_FROM_EMAIL = "The Shop <hello@shop.example>"
