#!/bin/sh
# The Python package: built as a wheel, installed into an environment of its own, and tested as it is installed. Where there
# is no Python, or no registry to take its tools from, this says what is left out.
set -eu
cd "$(dirname "$0")/.."
environment=target/python

left_out() {
    echo "The Python package is not tested: $1" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || left_out "it needs Python 3.10 or later"
[ -x "$environment/bin/python" ] || python3 -m venv "$environment" || left_out "install python3-venv"
"$environment/bin/pip" install --quiet --disable-pip-version-check \
    "maturin>=1.9,<2" numpy pandas polars duckdb matplotlib tqdm pytest mypy scikit-learn nbclient ipykernel || left_out "its tools cannot be installed from here"
# In this environment maturin is there already, and cargo keeps what it has compiled.
PATH="$PWD/$environment/bin:$PATH" "$environment/bin/pip" install --quiet --disable-pip-version-check \
    --no-build-isolation --no-deps --force-reinstall .
# From another folder: what is tested is what was installed.
tests="$PWD/python/tests"
cd "$environment"
MPLBACKEND=Agg bin/python -m pytest -q -p no:cacheprovider "$tests"
