"""Turn models into JSON and back, one generated function for each class."""
