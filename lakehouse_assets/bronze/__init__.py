"""Bronze tables: what arrived, unchanged. One module a source."""
