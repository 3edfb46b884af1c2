"""Tables of a study: what was recorded becomes rows, by subject, session, scan, region or day."""
