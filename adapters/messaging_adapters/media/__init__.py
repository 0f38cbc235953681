"""Where the pictures and files come from that messages name by URL."""
