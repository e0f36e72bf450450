"""Data contracts: the YAML of every table, and the model that reads it."""
