#!/bin/sh
# All tests. Builds the program as a user does and tests that one, then the Python package and the page. Installs what the tests of MPI and
# SLURM need where it may, and says what is left out where it may not.
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh

cargo build --release
mkdir -p target/shipped
cp target/release/giantstep target/shipped/giantstep # later builds replace the one in target/release
GIANTSTEP="$PWD/target/shipped/giantstep"
export GIANTSTEP

# Every experiment that comes along, small: it runs, and its results are read back and agree with what was published.
rm -rf target/shipped/results
"$GIANTSTEP" reproduce --list >target/shipped/list.txt
sed 1d target/shipped/list.txt | while read -r name _; do
    "$GIANTSTEP" reproduce "$name" --quick --out "target/shipped/results/$name" >"target/shipped/$name.txt" || {
        cat "target/shipped/$name.txt"
        exit 1
    }
    echo "reproduce $name --quick: $(tail -n 20 "target/shipped/$name.txt" | grep -m 1 ' runs in ')"
    if grep -q OUTSIDE "target/shipped/$name.txt"; then
        cat "target/shipped/$name.txt"
        exit 1
    fi
done

if command -v mpicc >/dev/null && command -v clang >/dev/null; then
    cargo test --release --workspace --features giantstep-cli/mpi
else
    cargo test --release --workspace
fi

sh scripts/python.sh
sh scripts/web.sh
