"""Sources that bronze tables are loaded from: one interface, and its implementations by name."""
