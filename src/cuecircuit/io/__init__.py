"""Files in, records out, and back; every write goes to a temporary name first."""
