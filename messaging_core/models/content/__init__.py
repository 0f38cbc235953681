"""What a message says: bodies, templates, links, SMS parts."""
