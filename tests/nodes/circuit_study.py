"""A study of rats in which the drug cue opens a path between three regions in one group."""

STUDY = """
about: { title: A path that a cue opens }
subjects: { species: Rattus norvegicus }
factors: { access: [ShA, LgA], cue: [neutral, drug] }
trials: { cells: cue }
scans: { task: cues, tr_s: 2, volumes: 150, derivatives: derivatives/rabies }
space: { mask: mask.nii.gz, origin: bregma, atlas: atlas.nii.gz, labels: atlas.tsv }
nuisance: { drift_period_s: 200 }
edges:
  cued: { kind: ppi, cells: cue, hrf: rat, regions: [insula, NAc, BLA, PVN, VTA] }
questions:
  path:
    title: Which paths does the cue open?
    of: edges.cued
    between: access
    within: cue
    each: [region, region2]
    adjust: fdr
    shown: ["access:cue"]
    networks: { edge_p: .01, draws: 500 }
simulation:
  n: { ShA: 8, LgA: 8 }
  base: [{ in: edges.cued, mean: 0, between_sd: 0, within_sd: 0 }]
  effects:
    opened:
      in: edges.cued
      where: { access: LgA, cue: drug, region: [insula, NAc], region2: [BLA, VTA] }
      add: 0.5
  hypotheses: { path: [opened] }
"""
