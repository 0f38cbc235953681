"""The handlers of the routes, by what they are about."""
