"""Find what has expired, whatever it is and whose ever."""

from typing import Final

SCRIPT: Final = """
CREATE INDEX messaging_expiring_records_expired ON messaging_expiring_records (expires_at);
"""
