"""Uploaded media in a bucket of Amazon S3, or of a server that speaks its protocol."""

from messaging_adapters.media_stores.s3.store import S3MediaStore

__all__ = ["S3MediaStore"]
