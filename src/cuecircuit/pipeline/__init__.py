"""The store of results, work in parallel, and commands on parts of a study: read, compute, write."""
