"""Whole studies with known answers."""
