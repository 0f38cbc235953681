"""Transports that send email."""
