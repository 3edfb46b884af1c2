"""Maps of subjects to corrected tests, voxel by voxel."""
