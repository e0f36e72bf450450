"""The tables of the lakehouse as Dagster assets, and what runs them."""
