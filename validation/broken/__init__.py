"""Broken and hostile inputs, made in code."""

from broken import files, folders, images, texts

CASES = [*texts.cases(), *files.cases(), *images.cases(), *folders.cases()]
