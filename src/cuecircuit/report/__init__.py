"""Sections to one offline page."""
