"""Neighbours, smoothness, null fields and clusters on plain arrays."""
