"""The commands of `messaging`, one in each module."""
