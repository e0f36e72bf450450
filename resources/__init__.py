"""What runs outside of the tables: engines and sources."""
