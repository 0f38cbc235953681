"""The tables, made by `manage.py migrate`."""
