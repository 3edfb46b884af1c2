"""Statistics on plain arrays, many responses at once."""
