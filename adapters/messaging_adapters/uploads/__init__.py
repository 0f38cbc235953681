"""Uploads of media, and the media that were uploaded."""
