"""Hypothesis without deadlines: how long one example takes depends on who else is at work."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
