"""Notifications, rule by rule of the Mia-Platform Messaging Service (docs/reference/notifications.md)."""
