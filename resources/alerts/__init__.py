"""Channels that alerts are delivered by: one interface, and its implementations by address."""
