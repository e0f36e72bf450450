"""Dagster's instance: its event log, its home folder, and what the first use of the project sets up."""
