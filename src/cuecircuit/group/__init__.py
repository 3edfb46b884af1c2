"""Every effect of the design, voxel by voxel, corrected."""
