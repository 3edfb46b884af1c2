"""The order of things: read, compute, write."""
