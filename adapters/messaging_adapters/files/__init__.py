"""Where the files of notifications are kept."""
