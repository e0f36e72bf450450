"""Silver tables: clean, typed, one truth a key. One module a table; each holds one pure function from bronze rows to changes."""
