"""What corrects a test of maps: simulated null fields, permutation, or nothing."""

from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.pipeline.map_tests.permuted import Permutation

Correction = CorrectionSettings | Permutation | None
