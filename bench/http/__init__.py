"""A JSON API of a thousand pages, beside HTTP clients written by hand."""
