"""Drug-cue studies from raw operant logs and scans to tables, figures and one page."""

__version__ = "0.1.0"
