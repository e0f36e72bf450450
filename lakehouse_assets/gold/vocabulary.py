"""Words that gold tables share."""

UNKNOWN = "Unknown"
"""Stands for a country, industry, category or brand that isn't known as of the day."""

NOT_NET = ("CANCELLED", "RETURNED")
"""The statuses of orders that count as cancelled; all others are net."""
