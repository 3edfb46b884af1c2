#!/bin/sh
# sh release/release.sh VERSION [--publish]: builds and checks a release; with --publish it is tagged and uploaded.
set -eu
cd "$(dirname "$0")/.."
version=${1:?usage: release.sh VERSION [--publish]}
python=.venv/bin/python

fail() { echo "release: $1" >&2; exit 1; }
[ -z "$(git status --porcelain)" ] || fail "the checkout has changes; commit them first"
grep -q "^version = \"$version\"" pyproject.toml || fail "pyproject.toml has another version than $version"
grep -q "^version: $version" CITATION.cff || fail "CITATION.cff has another version than $version"
grep -q "^## \[$version\] - [0-9]" CHANGELOG.md || fail "CHANGELOG.md has no section [$version] with a date"

make test check docs
rm -rf dist
$python validation/validators.py dist --package
(cd dist && sha256sum ./*)

if [ "${2:-}" = "--publish" ]; then
  ! grep -q "@example.org" pyproject.toml || fail "the authors in pyproject.toml have no address yet"
  sed -n '/^\[project.urls\]/,/^$/s/.*"\(https.*\)"/\1/p' pyproject.toml | while read -r url; do
    curl --fail --silent --head --location "$url" > /dev/null || fail "$url does not answer"
  done
  git tag --annotate "v$version" --message "cuecircuit $version"
  .venv/bin/twine upload dist/*
  git push origin "v$version"
fi
