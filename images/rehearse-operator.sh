#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the operator of PAYLOAD (a folder that images/build.sh makes) for some seconds against an API server of its own, lets it reconcile an
# example, and has the JVM write down in PAYLOAD/lib/app.aot what a quick start needs:
#
#   rehearse-operator.sh PAYLOAD CLUSTER      CLUSTER is a folder of scripts/cluster/kube-tools.sh
#
# Nothing of it reaches a cluster. Needs openssl, curl and python3.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
payload=$1 bin=$2/bin
for program in etcd kube-apiserver kubectl; do
  [ -x "$bin/$program" ] || { echo "$bin/$program is missing: scripts/cluster/kube-tools.sh api makes it" >&2; exit 1; }
done

folder=$(mktemp -d)
pids=()
tidy() {
  [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$folder"
}
trap tidy EXIT

until_true() { # until_true SECONDS WHAT COMMAND…
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "$what: not in time" >&2; return 1; }
    sleep 0.2
  done
}

read -r etcd peer api < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in sockets))')
"$bin/etcd" --data-dir "$folder/etcd" --unsafe-no-fsync --log-level error \
  --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" --listen-peer-urls "http://127.0.0.1:$peer" >"$folder/etcd.log" 2>&1 &
pids+=($!)
openssl ecparam -name prime256v1 -genkey -noout -out "$folder/sa.key"
echo 'rehearsal,rehearsal,rehearsal,system:masters' >"$folder/tokens"
"$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd" --bind-address 127.0.0.1 --secure-port "$api" --cert-dir "$folder" \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$folder/sa.key" \
  --service-account-signing-key-file "$folder/sa.key" --disable-admission-plugins ServiceAccount \
  --token-auth-file "$folder/tokens" --authorization-mode RBAC --service-cluster-ip-range 10.0.0.0/24 \
  --endpoint-reconciler-type none >"$folder/api.log" 2>&1 &
pids+=($!)
cat >"$folder/kubeconfig" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: rehearsal, cluster: {server: "https://127.0.0.1:$api", certificate-authority: "$folder/apiserver.crt"}}]
users: [{name: rehearsal, user: {token: rehearsal}}]
contexts: [{name: rehearsal, context: {cluster: rehearsal, user: rehearsal, namespace: default}}]
current-context: rehearsal
EOF
export KUBECONFIG=$folder/kubeconfig
until_true 90 "the API server" "$bin/kubectl" get --raw /readyz || { tail -n 5 "$folder/api.log" >&2; exit 1; }
"$bin/kubectl" apply --server-side -f "$root/crds" >/dev/null
until_true 30 "the kind" "$bin/kubectl" get inferenceclusters

# shellcheck source=scripts/jvm-flags.sh
. "$root/scripts/jvm-flags.sh"
jvm_flags operator
# shellcheck disable=SC2086 # The flags are words.
QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=0 QUARKUS_LOG_CATEGORY__IO_QUARKUS__LEVEL=INFO KNARR_OPERATOR_NAMESPACE=default \
  KNARR_OPERATOR_IMAGES_HEAD=head KNARR_OPERATOR_IMAGES_SERVER=server KNARR_OPERATOR_IMAGES_WORKER_CPU=worker \
  "$payload/runtime/bin/java" $flags $heap -XX:AOTCacheOutput="$payload/lib/app.aot" -jar "$payload/app/quarkus-run.jar" >"$folder/operator.log" 2>&1 &
operator=$!
pids+=("$operator")
until_true 90 "the operator" grep -o 'Listening on: [^ ]*' "$folder/operator.log" || { cat "$folder/operator.log"; exit 1; }
address=$(sed -n 's/.*Listening on: \([^ ]*\).*/\1/p' "$folder/operator.log")
"$bin/kubectl" apply --server-side -f "$root/docs/examples/cluster.yaml" >/dev/null
until_true 30 "the first status" "$bin/kubectl" wait --for='jsonpath={.status.phase}' --timeout=1s -f "$root/docs/examples/cluster.yaml" || true
curl -s "$address/q/health" "$address/metrics" -o /dev/null -o /dev/null
kill "$operator"
wait "$operator" || true
cat "$folder/operator.log"
[ -s "$payload/lib/app.aot" ]
