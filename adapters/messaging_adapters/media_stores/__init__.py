"""Where uploaded media are kept."""
