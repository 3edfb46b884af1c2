"""From one scan to responses: nuisance regression, block responses, first-level model, respiration."""
