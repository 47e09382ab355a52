#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Knarr on a Kubernetes of its own on this machine: builds the images, starts a cluster of one node, installs the chart, applies
# docs/examples/cluster.yaml and asks the model a question.
#
#   demo.sh up [DIR]      everything; what is there already is taken as it is
#   demo.sh down [DIR]    ends the cluster and all in it; programs and images stay
#
# DIR is where kube-tools.sh has put the programs, by default cluster in Knarr's cache. Needs root and Go; see kube-tools.sh and one-node.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# = 1 ] || [ $# = 2 ] || { sed -n '3,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
dir=${2:-${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/cluster}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
export KUBECONFIG=$dir/node/admin.kubeconfig PATH=$dir/bin:$PATH
started=$SECONDS

say() { printf '%4d s  %s\n' $((SECONDS - started)) "$*" >&2; }

install_chart() {
  local image set=(--set global.imageRegistry=localhost --set images.pullPolicy=Never)
  for image in operator head server workerCpu; do set+=(--set "images.$image.tag=dev"); done
  # The tag stays the same when the image changes, so the pod is told by another word.
  set+=(--set-string "podAnnotations.built=$(stat -c %Y "$root/operator/target/quarkus-app/quarkus-run.jar")")
  helm upgrade --install knarr "$root/helm/knarr" --namespace knarr-system --create-namespace "${set[@]}" "${@}" --wait --timeout 3m >/dev/null
}

apply_example() {
  install -D -m 0644 "$root/docs/examples/models/knarr-demo-q4_0.gguf" "$dir/node/models/knarr-demo-q4_0.gguf"
  sed "s|/var/lib/knarr/models|$dir/node/models|" "$root/docs/examples/model-volume.yaml" | kubectl apply -f - >/dev/null
  kubectl apply -f "$root/docs/examples/cluster.yaml" >/dev/null
}

# Through the Service, as clients in the cluster reach it.
ask() {
  local address
  address=$(kubectl get service demo -o 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}')
  curl -sS --fail-with-body --retry 10 --retry-delay 1 --retry-connrefused -m 60 "http://$address/v1/chat/completions" -H 'Content-Type: application/json' \
    -d '{"model":"knarr-demo","messages":[{"role":"user","content":"What is Knarr?"}],"temperature":0,"max_tokens":40}'
}

up() {
  "$here/kube-tools.sh" "$dir" api node extras
  say "programs are there"
  "$root/images/build.sh"
  say "images are built"
  "$here/one-node.sh" up "$dir" >/dev/null
  kubectl label --overwrite namespace default pod-security.kubernetes.io/enforce=restricted >/dev/null
  say "the cluster runs"
  "$root/images/build.sh" --built --load "$dir"
  say "it has the images"
  install_chart
  say "the operator runs"
  apply_example
  kubectl wait inferencecluster/demo --for=condition=Ready --timeout=5m >/dev/null || { kubectl describe inferencecluster/demo >&2; exit 1; }
  say "the model is ready"
  kubectl get inferencecluster/demo >&2
  ask
  printf '\n'
  say "answered; export KUBECONFIG=$KUBECONFIG"
}

down() { "$here/one-node.sh" down "$dir"; }

case $1 in
  up | down) "$1" ;;
  *) "$0" ;;
esac
