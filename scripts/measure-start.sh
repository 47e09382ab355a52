#!/bin/sh
# Measures the start of a worker: scripts/measure-start.sh [RUNS [OPTION…]], options being those of `knarr worker`.
# A line for each run: milliseconds from the start of ./knarr to open ports and proven devices, CPU milliseconds spent until then
# (launcher included), and the resident memory two seconds later (RSS; PSS shares pages among the processes that map them).
set -eu
here=$(dirname "$(readlink -f "$0")")
runs=${1:-5}
[ $# -eq 0 ] || shift
folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

now() { date +%s%N; }
ticks=$(getconf CLK_TCK)

for _ in $(seq "$runs"); do
  rm -f "$folder/ports"
  started=$(now)
  "$here/../knarr" worker --port 0 --management-port 0 --announce "$folder/ports" "$@" >"$folder/log" 2>&1 &
  pid=$!
  until [ -s "$folder/ports" ]; do
    if ! kill -0 "$pid" 2>/dev/null; then
      cat "$folder/log" >&2
      exit 1
    fi
    sleep 0.01
  done
  ready=$(now)
  # User and system time of the process and of the children it has waited for.
  cpu=$(awk '{ sub(/.*\) /, ""); print $12 + $13 + $14 + $15 }' "/proc/$pid/stat")
  sleep 2
  awk -v wall=$(((ready - started) / 1000000)) -v cpu=$((cpu * 1000 / ticks)) '
    /^Rss:/ { rss = $2 } /^Pss:/ { pss = $2 }
    END { printf "ready after %d ms, CPU %d ms, RSS %.1f MB, PSS %.1f MB\n", wall, cpu, rss * 1024 / 1e6, pss * 1024 / 1e6 }
  ' "/proc/$pid/smaps_rollup"
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  pid=
done
