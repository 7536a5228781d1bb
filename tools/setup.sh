#!/bin/sh
# Installs exactly the packages of package-lock.json.
set -eu
cd "$(dirname "$0")/.."

fail() {
  echo "error: $1" >&2
  exit 1
}

command -v node >/dev/null 2>&1 || fail "Node.js 20 or newer is needed to install the packages, and there is no node on PATH"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "Node.js 20 or newer is needed to install the packages, and this is $(node --version)"
command -v npm >/dev/null 2>&1 || fail "npm is needed to install the packages, and it is not on PATH"

npm ci --no-audit --no-fund --loglevel=error || fail "npm ci failed; its own message is above"

# With `ignore-scripts=true` npm leaves a placeholder where the packages' install step puts the program.
node_modules/.bin/bun --version >/dev/null 2>&1 || node node_modules/bun/install.js ||
  fail "Bun was installed but does not start"
node_modules/.bin/deno --version >/dev/null 2>&1 || node node_modules/deno/install.cjs ||
  fail "Deno was installed but does not start"
