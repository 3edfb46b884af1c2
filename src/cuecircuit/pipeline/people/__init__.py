"""A study of people: its stages from preprocessed runs to the page."""
