"""Delta tables: staging, publishing, quarantine, change application, reading, and what is missing or stale."""
