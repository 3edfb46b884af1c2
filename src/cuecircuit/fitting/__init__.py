"""Models of drug taking fitted to infusion times and compared."""
