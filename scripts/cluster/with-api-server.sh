#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command beside an etcd and a kube-apiserver of its own that know the kind InferenceCluster, with KUBECONFIG set for kubectl, and in
# API_SERVER, API_SERVER_CA and API_SERVER_TOKEN the address and two files, for what acts as if in a pod:
#
#   scripts/cluster/with-api-server.sh CLUSTER COMMAND…      CLUSTER is a folder of scripts/cluster/kube-tools.sh
#
# Nothing of it reaches a cluster, and nothing is left when the command ends. Needs openssl and python3.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$1/bin
shift
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
trap 'exit 130' INT TERM

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
echo 'admin,admin,admin,system:masters' >"$folder/tokens"
printf admin >"$folder/token"
"$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd" --bind-address 127.0.0.1 --secure-port "$api" --cert-dir "$folder" \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$folder/sa.key" \
  --service-account-signing-key-file "$folder/sa.key" --disable-admission-plugins ServiceAccount \
  --token-auth-file "$folder/tokens" --authorization-mode RBAC --service-cluster-ip-range 10.0.0.0/24 \
  --endpoint-reconciler-type none >"$folder/api.log" 2>&1 &
pids+=($!)
cat >"$folder/kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: own, cluster: {server: "https://127.0.0.1:$api", certificate-authority: "$folder/apiserver.crt"}}]
users: [{name: own, user: {token: admin}}]
contexts: [{name: own, context: {cluster: own, user: own, namespace: default}}]
current-context: own
END
export KUBECONFIG=$folder/kubeconfig API_SERVER=https://127.0.0.1:$api API_SERVER_CA=$folder/apiserver.crt API_SERVER_TOKEN=$folder/token
until_true 90 "the API server" "$bin/kubectl" get --raw /readyz || { tail -n 5 "$folder/api.log" >&2; exit 1; }
"$bin/kubectl" apply --server-side -f "$root/crds" >/dev/null
until_true 30 "the kind" "$bin/kubectl" get inferenceclusters
PATH=$bin:$PATH "$@"
