"""How many subjects the questions of a study file need: studies drawn as tables, each question answered, counted."""
