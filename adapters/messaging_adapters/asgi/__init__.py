"""The HTTP surface: the routes of the Bird Channels API over a messenger."""
