"""TPC-H orders and lineitem in PostgreSQL, through the whole pipeline to one audited row of revenue per day."""
