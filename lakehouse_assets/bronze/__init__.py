"""Bronze tables: what arrived, unchanged. All are loaded alike, by `extraction`; their contracts name their sources."""
