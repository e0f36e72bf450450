"""Gold tables: answers by business date. One module a table; each holds one pure function of the tables that its contract reads."""
