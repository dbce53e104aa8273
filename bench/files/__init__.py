"""CSV files to bronze: many small ones and one large, beside Polars and DuckDB."""
