"""Rules for bodies, templates, attachments, media and tags."""
