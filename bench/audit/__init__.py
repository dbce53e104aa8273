"""Fifteen expectations over one large candidate, and eighteen over each of many small ones."""
