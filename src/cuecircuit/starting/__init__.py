"""From a laboratory's own files to a first study file: what is there, a draft of the study, and its JSON schema."""
