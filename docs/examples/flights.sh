#!/bin/sh
# Publishes one year of flights as twelve monthly files and a tag: all of them, or none.
#
#   flights.sh flights.csv lakefs://lake/main flights-2013
set -eu
csv=$1 branch=$2 tag=$3
lake=${branch%/*} # lakefs://lake

months=$(mktemp -d)
trap 'rm -rf "$months"' EXIT
awk -F, -v folder="$months" '
  NR == 1 { header = $0; next }
  { file = sprintf("%s/month=%02d.csv", folder, $2) }
  !(file in begun) { begun[file]; print header > file }
  { print > file }
' "$csv"

# Other users do not see the changes of a transaction. If this machine dies, the transaction expires ten minutes later.
id=$(lakeport tx begin "$branch" --label job=flights)
trap 'rm -rf "$months"; lakeport tx rollback "$id" >&2' EXIT
lakeport cp -r "$months" "$lake/tx:$id/flights/2013" >&2
lakeport tx changes "$id"

# Exit code 6: the response was lost, so the commit may exist. A retry is safe and returns the same commit.
publish() { lakeport tx commit "$id" -m "Add the flights of 2013" --tag "$tag"; }
publish || { status=$?; [ "$status" -eq 6 ] || exit "$status"; publish; }
trap 'rm -rf "$months"' EXIT
