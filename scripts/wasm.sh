#!/bin/sh
# The page without a server: the program compiled to WebAssembly, in a folder of static files that any site can host,
# target/page. Needs the target wasm32-unknown-unknown, which it adds where it may; where it may not, it says so and leaves the
# page out.
set -eu
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown
page="$PWD/target/page"
made="$PWD/target/wasm"
tools="$PWD/target/wasm-tools"

left_out() {
    echo "The page without a server is not built: $1" >&2
    exit 0
}

has_target() {
    ls "$(rustc --print target-libdir --target $target 2>/dev/null)"/libcore-*.rlib >/dev/null 2>&1
}
has_target || rustup target add $target >/dev/null 2>&1 || true
has_target || left_out "the target $target is not installed and cannot be added from here (rustup target add $target)"

# The tool that writes the JavaScript has the version of the library; where a registry lacks what it was locked to, with what there is.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p;}' web/worker/Cargo.lock)
bindgen="$tools/bin/wasm-bindgen"
install() { cargo install --quiet --root "$tools" --version "$version" "$@" wasm-bindgen-cli; }
[ -x "$bindgen" ] && [ "$("$bindgen" --version)" = "wasm-bindgen $version" ] || install --locked || install ||
    left_out "wasm-bindgen-cli $version cannot be installed from here"

# With relaxed SIMD products are fused; other browsers take the other build. Both are called in the same way.
build() {
    name=$1 features=$2 flags=$3
    CARGO_TARGET_DIR="$made/$name" RUSTFLAGS="-C target-feature=$features -C link-arg=-zstack-size=8388608" \
        cargo build --quiet --release --locked --target $target --manifest-path web/worker/Cargo.toml $flags
    "$bindgen" --target web --no-typescript --remove-name-section --remove-producers-section --out-name program --out-dir "$made/$name/page" \
        "$made/$name/$target/release/giantstep_worker.wasm"
    cp "$made/$name/page/program_bg.wasm" "$page/$name.wasm"
}

rm -rf "$page"
mkdir -p "$page"
cp -R web/page/. "$page"
build program +simd128 ""
build program-relaxed +simd128,+relaxed-simd "--features relaxed-simd"
cp "$made/program/page/program.js" "$page"
cmp -s "$made/program/page/program.js" "$made/program-relaxed/page/program.js" || {
    echo "The two builds are called differently" >&2
    exit 1
}

# What the server says in headers stands in the page.
policy="default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'"
sed -e 's/<html lang="en">/<html lang="en" data-backend="local">/' \
    -e "s|<meta charset=\"utf-8\">|&<meta http-equiv=\"Content-Security-Policy\" content=\"$policy\">|" \
    web/page/index.html >"$page/index.html"

for name in program program-relaxed; do
    echo "$name.wasm: $(wc -c <"$page/$name.wasm") bytes, compressed $(gzip -9c "$page/$name.wasm" | wc -c)"
done
echo "target/page can be hosted anywhere, or tried here: python3 -m http.server --directory target/page"
