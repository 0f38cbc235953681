"""How configurations make our own adapters; one module a type, so that each is loaded alone."""
