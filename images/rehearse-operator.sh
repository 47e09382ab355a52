#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the operator of PAYLOAD (a folder that images/build.sh makes) for some seconds against an API server of its own, lets it reconcile an
# example, and has the JVM write down in PAYLOAD/lib/app.aot what a quick start needs:
#
#   scripts/cluster/with-api-server.sh CLUSTER images/rehearse-operator.sh PAYLOAD
#
# Needs curl.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
payload=$1
folder=$(mktemp -d)
operator=
trap '[ -z "$operator" ] || kill "$operator" 2>/dev/null; rm -rf "$folder"' EXIT

kubectl apply --server-side -f "$root/docs/examples/cluster.yaml" >/dev/null
# shellcheck source=scripts/jvm-flags.sh
. "$root/scripts/jvm-flags.sh"
jvm_flags operator
# As in a pod: no kubeconfig, but what Kubernetes mounts.
# shellcheck disable=SC2086 # The flags are words.
env -u KUBECONFIG KUBERNETES_MASTER="$API_SERVER" KUBERNETES_CERTS_CA_FILE="$API_SERVER_CA" KUBERNETES_AUTH_SERVICEACCOUNT_TOKEN="$API_SERVER_TOKEN" \
  QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=0 QUARKUS_LOG_CATEGORY__IO_QUARKUS__LEVEL=INFO KNARR_OPERATOR_NAMESPACE=default HOME=/tmp \
  KNARR_OPERATOR_IMAGES_HEAD=head KNARR_OPERATOR_IMAGES_SERVER=server KNARR_OPERATOR_IMAGES_WORKER_CPU=worker \
  "$payload/runtime/bin/java" $flags $heap -XX:AOTCacheOutput="$payload/lib/app.aot" -jar "$payload/app/quarkus-run.jar" >"$folder/log" 2>&1 &
operator=$!
deadline=$((SECONDS + 90))
until grep -q 'Listening on: ' "$folder/log"; do
  [ $SECONDS -lt $deadline ] || { cat "$folder/log"; exit 1; }
  sleep 0.2
done
address=$(sed -n 's/.*Listening on: \([^ ]*\).*/\1/p' "$folder/log")
kubectl wait --for='jsonpath={.status.phase}' --timeout=30s -f "$root/docs/examples/cluster.yaml" || true
curl -s "$address/q/health" "$address/metrics" -o /dev/null -o /dev/null
kill "$operator"
wait "$operator" || true
operator=
cat "$folder/log"
[ -s "$payload/lib/app.aot" ]
