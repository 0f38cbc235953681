"""Marks on fields that the JSON codec reads."""

# How a field looks on the wire, where that is not simply its name in camelCase:
# `nullable` takes an explicit null for "absent"; `open` collects the undeclared keys.
NULLABLE = {"nullable": True}


OPEN = {"open": True}
