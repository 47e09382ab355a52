#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Knarr on a Kubernetes of its own on this machine: builds the images, starts a cluster of one node, installs the chart, applies
# docs/examples/cluster.yaml and asks the model a question.
#
#   demo.sh up [--built] [DIR]   everything; what is there already is taken as it is
#   demo.sh down [DIR]           ends the cluster and all in it; programs and images stay
#   demo.sh install PREFIX       chart, example and question on the cluster of $KUBECONFIG instead, with the images of a registry
#                                (images/build.sh --prefix PREFIX --push)
#   demo.sh uninstall            what install has made there, but for the CRD and the claim demo-model
#
# --built is that of images/build.sh. DIR is where kube-tools.sh has put the programs, by default cluster in Knarr's cache; up needs root and
# Go; see kube-tools.sh and one-node.sh. The claim demo-model of the cluster of $KUBECONFIG is taken as it is where it is there; otherwise one
# of the default storage class is made and filled.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
models=$root/docs/examples/models
started=$SECONDS

kubectl() { command kubectl --namespace default "$@"; }
usage() { sed -n '3,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
say() { printf '%4d s  %s\n' $((SECONDS - started)) "$*" >&2; }

install_chart() { # install_chart REGISTRY PATH VALUES…
  local image registry=$1 path=$2 set=()
  shift 2
  for image in operator head server workerCpu; do
    set+=(--set "images.$image.registry=$registry,images.$image.repository=$path/${image/Cpu/-cpu},images.$image.tag=dev")
  done
  kubectl create namespace knarr-system --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  kubectl label --overwrite namespace knarr-system pod-security.kubernetes.io/enforce=restricted >/dev/null
  helm upgrade --install knarr "$root/helm/knarr" --namespace knarr-system "${set[@]}" "$@" --wait --timeout 3m >/dev/null
  say "the operator runs"
}

apply_example() {
  kubectl apply -f "$root/docs/examples/cluster.yaml" >/dev/null
  kubectl wait inferencecluster/demo --for=condition=Ready --timeout=5m >/dev/null || { kubectl describe inferencecluster/demo >&2; exit 1; }
  say "the model is ready"
  kubectl get inferencecluster/demo >&2
}

question='{"model":"knarr-demo","messages":[{"role":"user","content":"What is Knarr?"}],"temperature":0,"max_tokens":40}'

# Through the Service, as clients in the cluster reach it.
ask() {
  local address
  address=$(kubectl get service demo -o 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}')
  curl -sS --fail-with-body --retry 10 --retry-delay 1 --retry-connrefused -m 60 "http://$address/v1/chat/completions" \
    -H 'Content-Type: application/json' -d "$question"
  printf '\n'
  say "answered"
}

up() {
  "$here/kube-tools.sh" "$dir" api node extras
  say "programs are there"
  "$root/images/build.sh" ${built:+--built}
  say "images are built"
  "$here/one-node.sh" up "$dir" >/dev/null
  say "the cluster runs"
  "$root/images/build.sh" --built --load "$dir"
  say "it has the images"
  kubectl label --overwrite namespace default pod-security.kubernetes.io/enforce=restricted >/dev/null
  # The tag stays the same when the image changes, so the pod is told by another word.
  install_chart localhost knarr --set images.pullPolicy=Never \
    --set-string "podAnnotations.built=$(stat -c %Y "$root/operator/target/quarkus-app/quarkus-run.jar")"
  mkdir -p "$dir/node/models"
  install -m 0644 "$models"/*.gguf "$dir/node/models"
  sed "s|/var/lib/knarr/models|$dir/node/models|" "$root/docs/examples/model-volume.yaml" | kubectl apply -f - >/dev/null
  apply_example
  ask
  say "export KUBECONFIG=$KUBECONFIG"
}

down() { "$here/one-node.sh" down "$dir"; }

bring_model() { # bring_model IMAGE
  ! kubectl get persistentvolumeclaim/demo-model >/dev/null 2>&1 || return 0
  kubectl apply -f - >/dev/null <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: demo-model}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: demo-model}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: files
      image: $1
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: model, mountPath: /model}]
  volumes: [{name: model, persistentVolumeClaim: {claimName: demo-model}}]
END
  kubectl wait pod/demo-model --for=condition=Ready --timeout=5m >/dev/null
  local file
  for file in "$models"/*.gguf; do
    kubectl exec -i demo-model -- sh -c "cat >/model/${file##*/}" <"$file"
  done
  kubectl delete pod demo-model --grace-period=0 --wait=true >/dev/null
  say "the model is on claim demo-model"
}

on_its_cluster() { # on_its_cluster PREFIX
  install_chart "${1%%/*}" "${1#*/}"
  bring_model "$1/worker-cpu:dev"
  apply_example
  # The Service's address is one of the cluster only; the API server passes on what is sent to it.
  kubectl create --raw /api/v1/namespaces/default/services/demo:http/proxy/v1/chat/completions -f - <<<"$question"
  printf '\n'
  say "answered"
}

uninstall() {
  kubectl delete inferencecluster/demo --ignore-not-found >/dev/null
  helm uninstall knarr --namespace knarr-system --wait >/dev/null
  kubectl delete namespace knarr-system >/dev/null
}

[ $# -ge 1 ] || usage
command=$1 built=
shift
if [ "$command ${1-}" = "up --built" ]; then built=yes; shift; fi
case $command,$# in
  up,[01] | down,[01]) dir=${1:-${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/cluster} ;;
  install,1 | uninstall,0) dir=${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/cluster ;;
  *) usage ;;
esac
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
export PATH=$dir/bin:$PATH
case $command in
  up | down)
    export KUBECONFIG=$dir/node/admin.kubeconfig
    "$command"
    ;;
  install) on_its_cluster "$1" ;;
  uninstall) uninstall ;;
esac
