"""Atlas regions: one number per region, subject and cell; named clusters; brain-behavior correlation."""
