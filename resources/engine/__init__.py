"""Engines that compute tables: one interface over Spark Connect, whichever server answers."""
