#!/bin/sh
# The page of the laboratory in a real browser. Installs Chromium and playwright-core where it may, and says what is left out
# where it may not. PICTURES=docs/figures also takes the pictures of the documentation.
set -eu
cd "$(dirname "$0")/.."
tools="$PWD/target/web"

left_out() {
    echo "The page is not tested in a browser: $1" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

# What was vendored is what was published.
(cd web/page/vendor && sed -n 's/^| `\(.*\)` | `\([0-9a-f]*\)` |$/\2  \1/p' README.md | sha256sum --check --quiet)

node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || left_out "it needs Node.js 20 or later"
chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium || true
    chromium=$(command -v chromium || true)
fi
[ -n "$chromium" ] || left_out "install chromium"
if [ ! -d "$tools/node_modules/playwright-core" ]; then
    mkdir -p "$tools"
    echo '{ "private": true }' >"$tools/package.json"
    # The browser is the one that is installed: none is downloaded.
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --silent --no-audit --no-fund --prefix "$tools" playwright-core@1.65.1 ||
        left_out "playwright-core cannot be installed from here"
fi

if [ -z "${GIANTSTEP_LAB:-}" ]; then
    cargo build --release --features lab
    mkdir -p target/shipped
    cp target/release/giantstep target/shipped/giantstep-lab
    GIANTSTEP_LAB="$PWD/target/shipped/giantstep-lab"
fi
export GIANTSTEP_LAB CHROMIUM="$chromium" PLAYWRIGHT="$tools"
if [ -n "${PICTURES:-}" ]; then
    PICTURES=$(cd "$PICTURES" && pwd)
    export PICTURES
fi
node --test --test-concurrency=1 web/tests/page/
