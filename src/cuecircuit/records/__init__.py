"""What was measured, in SI units, wherever it came from."""
