"""Records and figures to one offline page: sections in the order of a paper, text written from the settings."""
