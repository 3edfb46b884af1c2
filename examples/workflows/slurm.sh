#!/bin/bash
# A study on one node of a SLURM cluster: sbatch slurm.sh STUDY.yaml OUT
# A job that was stopped at its time limit goes on where it was when the same line is submitted again.
#SBATCH --job-name=cuecircuit
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --time=08:00:00
set -eu
if [ "$#" -ne 2 ]; then
  echo "usage: sbatch $0 STUDY.yaml OUT" >&2
  exit 2
fi
cuecircuit check "$1"
cuecircuit run "$1" "$2" --n-jobs "${SLURM_CPUS_PER_TASK:-2}"
