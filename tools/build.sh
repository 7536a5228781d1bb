#!/bin/sh
# build.sh OUTPUT [TARGET BASE]: compiles cli.ts into the standalone program OUTPUT, for the platform
# TARGET (`bun-linux-arm64`) on top of the Bun binary BASE, or for this machine when they are left out.
set -eu
cd "$(dirname "$0")/.."
output=$1
mkdir -p "$(dirname "$output")"

# Built aside and moved into place, so that a build cut short leaves no half program and one that
# runs at this moment is not disturbed.
work=$(mktemp -d "$(dirname "$output")/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
name=$(basename "$output")

set -- ${2:+"--target=$2"} ${3:+"--compile-executable-path=$3"}
# --splitting keeps each lazily loaded module in a chunk of its own: in a single one, Bun would load
# every node: module that any of them names at each start, which doubles it.
# A call is over before code compiled for speed pays off: the JIT policy makes Bun wait longer with it.
# The two autoload options keep the compiled program from reading `.env` and running the `preload`
# of a `bunfig.toml` in whatever folder it is started; --use-system-ca trusts the machine's own CAs.
if ! node_modules/.bin/bun build cli.ts --compile --minify --bytecode --format=esm --splitting \
  --compile-jit-policy=10 \
  --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
  --compile-exec-argv=--use-system-ca \
  --outfile="$work/$name" "$@" >"$work/log" 2>&1; then
  cat "$work/log" >&2
  echo "error: Cannot compile $output" >&2
  exit 1
fi
mv "$work/$name" "$output"
