"""Numbers and names that statements and rows share."""

from typing import Final

# A position is the number of a message: milliseconds of acceptance times 2^15, counted on within a
# millisecond. In SQLite it is the rowid, and grows with every commit whatever the clocks of several
# processes say. Pages, tags, receivers and subjects are all walked by one integer.
POSITION_BITS: Final = 15

PENDING: Final = ("accepted", "scheduled", "processing")
"""The statuses of messages that have a row in the outbox."""

NO_LIMIT: Final = 2**62
"""The LIMIT of a statement that returns all rows: PostgreSQL takes no negative one."""
