"""What was planned: the study file as frozen models, cross-checked."""
