"""Read the configuration file and make an engine from it."""
