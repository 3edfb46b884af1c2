"""Whole studies with known answers: rats, operant sessions, scans, breathing, and the rival hypotheses."""
