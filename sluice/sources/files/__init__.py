"""`kind: files`: what others drop into a folder or an S3 prefix, each file once."""

from sluice.sources.files.connector import connect

__all__ = ["connect"]
