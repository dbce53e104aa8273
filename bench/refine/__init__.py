"""Bronze to silver and quarantine, beside plain DuckDB over the very same bronze files."""
