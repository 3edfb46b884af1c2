"""Arrays in, Figure out: the figures of the paper, one kind per file, in the size of a journal column."""
