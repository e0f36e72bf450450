"""What runs outside of the tables: engines, sources, and where alerts go."""
