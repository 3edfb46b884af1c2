"""Data sets with known answers for any study file: effects are planted per response of a table, never per question."""
