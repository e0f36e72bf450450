"""A folder of files as a source: CSV, JSON lines and Parquet, compressed or not, mixed as they come."""
