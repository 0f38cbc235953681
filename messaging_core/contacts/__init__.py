"""Keep contacts, contact lists and suppressions."""
