"""Tables and questions of a study: what each needs, and how it is made."""
