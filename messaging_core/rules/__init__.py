"""What is allowed: pure functions from values to violations."""

from messaging_core.rules.addressing.phone_number import normalize_phone_number

__all__ = ["normalize_phone_number"]
