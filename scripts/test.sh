#!/bin/sh
# All tests. Installs what those of MPI and SLURM need where it may, and says what is left out where it may not.
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh
if command -v mpicc >/dev/null && command -v clang >/dev/null; then
    cargo test --release --workspace --features giantstep-cli/mpi
else
    cargo test --release --workspace
fi
