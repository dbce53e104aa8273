"""PostgreSQL to Parquet: tables of several sizes, beside DuckDB's scanner and other readers."""
