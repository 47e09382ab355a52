#!/usr/bin/env bash
# Compares Knarr's worker with the stock ggml-rpc-server: the same ggml, one thread each, stock llama-bench as the client, alternating
# rounds against two servers that stay up.
#   bench-worker.sh MODEL.gguf [ROUNDS]        9 rounds by default; pp512 and tg64, a warm-up round first that is not counted
# Prints the quartiles of tokens per second, of the ratio round by round, and the CPU seconds each server used.
set -euo pipefail

model=$(readlink -f "${1:?usage: bench-worker.sh MODEL.gguf [ROUNDS]}")
rounds=${2:-9}
home=$(cd "$(dirname "$0")/.." && pwd)
tree=${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/llama.cpp
[ -x "$tree/bin/ggml-rpc-server" ] || "$home/scripts/llama-cpp.sh" "$tree"
export OMP_NUM_THREADS=1 GGML_NO_BACKTRACE=1
work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Seconds of processor time that a process and its threads have used.
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"; }

# Tokens per second of one llama-bench run against a port: prompt, then generation.
bench() {
  "$tree/bin/llama-bench" --rpc "127.0.0.1:$1" -dev RPC0 -ngl 99 -m "$model" -p 512 -n 64 -r 3 -t 1 -o json 2>>"$work/bench.log" |
    sed -n 's/^ *"avg_ts": *\([0-9.]*\).*/\1/p' | paste -sd' '
}

quartiles() { sort -g | awk '{ v[NR] = $1 } function q(p,  i) { i = 1 + p * (NR - 1); return v[int(i)] + (i - int(i)) * (v[int(i) + (i > int(i))] - v[int(i)]) } END { printf "%10.3f %10.3f %10.3f\n", q(.25), q(.5), q(.75) }'; }

stock=$(free_port)
"$tree/bin/ggml-rpc-server" -H 127.0.0.1 -p "$stock" -t 1 >"$work/stock.log" 2>&1 &
servers+=($!)
"$home/knarr" worker --device CPU --threads 1 --port 0 --management-port 0 --announce "$work/knarr.json" >"$work/knarr.log" 2>&1 &
servers+=($!)
for _ in $(seq 600); do
  [ ! -e "$work/knarr.json" ] || break
  sleep 0.1
done
knarr=$(sed -n 's/.*"rpc": "[^"]*:\([0-9]*\)".*/\1/p' "$work/knarr.json")

bench "$stock" >/dev/null
bench "$knarr" >/dev/null
cpu_stock=$(cpu_seconds "${servers[0]}")
cpu_knarr=$(cpu_seconds "${servers[1]}")
for round in $(seq "$rounds"); do
  echo "$(bench "$stock") $(bench "$knarr")" | tee -a "$work/rounds" | sed "s/^/round $round (stock pp tg, knarr pp tg): /" >&2
done
cpu_stock=$(awk -v a="$(cpu_seconds "${servers[0]}")" -v b="$cpu_stock" 'BEGIN { print a - b }')
cpu_knarr=$(awk -v a="$(cpu_seconds "${servers[1]}")" -v b="$cpu_knarr" 'BEGIN { print a - b }')

echo "$(basename "$model"), $rounds rounds, tokens/s            q1     median         q3"
echo "stock  pp512                         $(awk '{ print $1 }' "$work/rounds" | quartiles)"
echo "knarr  pp512                         $(awk '{ print $3 }' "$work/rounds" | quartiles)"
echo "ratio  pp512                         $(awk '{ print $3 / $1 }' "$work/rounds" | quartiles)"
echo "stock  tg64                          $(awk '{ print $2 }' "$work/rounds" | quartiles)"
echo "knarr  tg64                          $(awk '{ print $4 }' "$work/rounds" | quartiles)"
echo "ratio  tg64                          $(awk '{ print $4 / $2 }' "$work/rounds" | quartiles)"
echo "CPU seconds in all: stock $cpu_stock, knarr $cpu_knarr"
