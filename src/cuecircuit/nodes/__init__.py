"""A study from file to page: its tables and questions in order, the check before them, the stages they are run as."""
