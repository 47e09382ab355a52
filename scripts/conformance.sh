#!/bin/sh
# Runs llama.cpp's own backend tests over a worker: test-backend-ops, one process per operation so
# that a crash stays with its operation, then test-llama-archs. Usage:
#
#     ./knarr worker --port 50052 --device CPU --threads 1 &
#     scripts/conformance.sh [OPERATION...]       all of them, some 30 minutes, if none is named
#
# KNARR_WORKER is the worker's address, 127.0.0.1:50052 by default. Exit code 1: something failed.
set -eu
cd "$(dirname "$0")/.."
worker=${KNARR_WORKER:-127.0.0.1:50052}
tree=${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/llama.cpp
if [ ! -x "$tree/bin/test-backend-ops" ]; then
  echo "There is no $tree/bin/test-backend-ops: run scripts/llama-cpp.sh $tree" >&2
  exit 2
fi
if ! command -v cc > /dev/null; then
  echo "There is no C compiler, which this needs once: apt install gcc libc6-dev" >&2
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -shared -fPIC -O2 -o "$work/rpc_preload.so" testkit/src/main/resources/rpc_preload.c -ldl
export OMP_NUM_THREADS=1 GGML_NO_BACKTRACE=1 GGML_RPC_SERVERS="$worker"
unset VK_DRIVER_FILES GGML_VK_VISIBLE_DEVICES

over_worker() {
  LD_PRELOAD="$work/rpc_preload.so" "$@" > "$work/out" 2> "$work/err"
}

plain() {
  sed "s/$(printf '\033')\[[0-9;]*m//g" "$work/out"
}

if [ $# -eq 0 ]; then
  all=1
  # shellcheck disable=SC2046 # names of operations have no spaces
  set -- $("$tree/bin/test-backend-ops" --list-ops 2> /dev/null | sed -n 's/^  \([A-Z0-9_]*\)$/\1/p')
else
  all=0
fi

failed=0
for op in "$@"; do
  verdict=ok
  over_worker "$tree/bin/test-backend-ops" -b RPC0 -o "$op" || verdict="FAILED (exit code $?)"
  echo "$op: $(plain | sed -n 's/^ *\([0-9]*\/[0-9]* tests passed\)$/\1/p') $verdict"
  if [ "$verdict" != ok ]; then
    failed=1
    plain | grep ': FAIL' || tail -n 5 "$work/err"
  fi
done

if [ "$all" = 1 ]; then
  verdict=ok
  over_worker "$tree/bin/test-llama-archs" -b RPC0 -s 1 || verdict="FAILED (exit code $?)"
  echo "test-llama-archs: $(plain | grep -c '^|.*OK.*OK.*OK') of $(($(plain | grep -c '^|') - 2)) architectures $verdict"
  [ "$verdict" = ok ] || failed=1
fi
exit $failed
