#!/bin/sh
# The programs that the tests of MPI and SLURM need. As root on Debian or Ubuntu they are installed; elsewhere this says
# what to install and what is not tested without. Building and everything else needs none of them.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

has() { command -v "$1" >/dev/null 2>&1; }

# bindgen, which the crate `mpi` uses, loads the library of clang.
libclang() {
    has clang && return
    ldconfig -p 2>/dev/null | grep -q 'libclang.*\.so' || ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1
}

missing() {
    { has mpirun && has mpicc; } || echo "openmpi-bin libopenmpi-dev (runs over ranks are not tested)"
    libclang || echo "libclang-dev clang (the feature mpi is not built)"
    { has slurmctld && has slurmd && has sbatch; } || echo "slurm-wlm (job arrays are not tested)"
    has munged || echo "munge (job arrays are not tested)"
}

[ -n "$(missing)" ] || exit 0
if [ "$(id -u)" -eq 0 ] && has apt-get; then
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update &&
        apt-get install -y --no-install-recommends \
            openmpi-bin libopenmpi-dev libclang-dev clang slurm-wlm munge; then
        exit 0
    fi
fi
echo "These packages are not installed, and cannot be installed from here:" >&2
missing | sed 's/^/  /' >&2
