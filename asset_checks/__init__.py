"""What is checked of a table before and after it is published: pure functions, and one module that speaks Dagster."""
