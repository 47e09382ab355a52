#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs and builds the Kubernetes programs that the tests use.
#
#   kube-tools.sh [DIR] [api] [node] [extras]      (without a group: all three)
#
#   api     etcd, kube-apiserver, kubectl: enough for tests against a real API server.
#           The builds of one module share their packages, so kube-controller-manager,
#           kube-scheduler, kubelet and kube-proxy are built here too.
#   node    what a one-node cluster needs besides: containerd, runc and the CNI plugins from
#           Debian; coredns, pause and fake-device-plugin.
#   extras  helm, kubeconform.
#
# DIR is cluster in Knarr's cache ($KNARR_CACHE, or knarr in $XDG_CACHE_HOME or ~/.cache) unless
# another is named. Programs go to DIR/bin. DIR/kubeapitest has the layout that Fabric8's
# kube-api-test wants: point KUBE_API_TEST_DIR there. What is already there in the wanted version is
# left alone, and with nothing to do the script ends at once. Of two runs at once the second waits.
# Needs Go (see the go lines of kube-tools/*/go.mod) and, for Debian packages, root.
# Modules come from wherever GOPROXY points; go.mod and go.sum pin all of them.
set -euo pipefail

# The versions stand in kube-tools/*/go.mod too; after a change here run
# "kube-tools.sh --tidy", which writes them there.
KUBERNETES_VERSION=v1.34.4
ETCD_VERSION=v3.6.16
COREDNS_VERSION=v1.14.7
HELM_VERSION=v4.2.4
KUBECONFORM_VERSION=v0.8.0
NODE_PACKAGES=(containerd runc containernetworking-plugins nftables iptables conntrack iproute2 openssl curl python3)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
src=$here/kube-tools
# shellcheck source=scripts/debian.sh
. "$here/../debian.sh"
export CGO_ENABLED=0

say() { printf '%s\n' "$*" >&2; }
die() { say "kube-tools: $*"; exit 1; }

tidy() {
  local k=${KUBERNETES_VERSION#v1.} m
  (cd "$src/kubernetes"
   go mod edit -require="k8s.io/kubernetes@$KUBERNETES_VERSION"
   for m in $(go mod edit -json | sed -n 's/.*"Path": "\(k8s.io\/[a-z-]*\)".*/\1/p' | sort -u); do
     # Only the modules that k8s.io/kubernetes itself replaces carry its version.
     if grep -q "^[[:space:]]$m => " go.mod; then go mod edit -replace="$m=$m@v0.$k"; fi
   done
   go mod tidy)
  (cd "$src/etcd" && go mod edit -require="go.etcd.io/etcd/server/v3@$ETCD_VERSION" && go mod tidy)
  (cd "$src/coredns" && go mod edit -require="github.com/coredns/coredns@$COREDNS_VERSION" && go mod tidy)
  (cd "$src/helm" && go mod edit -require="helm.sh/helm/v4@$HELM_VERSION" && go mod tidy)
  (cd "$src/kubeconform" && go mod edit -require="github.com/yannh/kubeconform@$KUBECONFORM_VERSION" && go mod tidy)
}

# wanted NAME VERSION: true when DIR/bin/NAME has to be made
wanted() { ! { [ -x "$bin/$1" ] && [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }; }
made() { printf '%s\n' "$2" >"$stamps/$1"; }

# build MODULE LDFLAGS VERSION NAME=PACKAGE...
build() {
  local module=$1 ldflags=$2 version=$3 pair need=() t=$SECONDS
  shift 3
  for pair in "$@"; do wanted "${pair%%=*}" "$version" && need+=("$pair"); done
  if [ ${#need[@]} = 0 ]; then return; fi
  if [ -n "$looking" ]; then missing+=("${need[@]%%=*}"); return; fi
  command -v go >/dev/null || die "go is not on the PATH: install Go $(sed -n 's/^go //p' "$src/$module/go.mod") or later"
  say "building ${need[*]%%=*} ($version)"
  # One call, so that packages compile side by side and once. Several programs go to a folder
  # under their own names, a single one can be named. They take their place when complete.
  local new=$bin/.new out
  rm -rf "$new"
  mkdir "$new"
  out=$new/
  if [ ${#need[@]} = 1 ]; then out=$new/${need[0]%%=*}; fi
  (cd "$src/$module" && go build -mod=readonly -trimpath -ldflags "-s -w $ldflags" -o "$out" "${need[@]#*=}" 9>&-) ||
    die "build of $module failed"
  for pair in "${need[@]}"; do
    mv "$new/${pair%%=*}" "$bin/"
    made "${pair%%=*}" "$version"
  done
  rmdir "$new"
  say "  $((SECONDS - t)) s"
}

debian() {
  local p need=()
  for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || need+=("$p")
  done
  if [ ${#need[@]} = 0 ]; then return; fi
  if [ -n "$looking" ]; then missing+=("${need[@]}"); return; fi
  DEBIAN_FRONTEND=noninteractive debian_install "${need[@]}" 9>&- || exit 1
}

group_api() {
  local v=$KUBERNETES_VERSION minor flags p
  minor=${v#v1.}; minor=${minor%%.*}
  flags=
  for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $p.gitVersion=$v -X $p.gitMajor=1 -X $p.gitMinor=$minor"
    flags+=" -X $p.gitTreeState=archive -X $p.buildDate=1970-01-01T00:00:00Z"
  done
  build kubernetes "$flags" "$v" \
    kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver \
    kubectl=k8s.io/kubernetes/cmd/kubectl \
    kube-controller-manager=k8s.io/kubernetes/cmd/kube-controller-manager \
    kube-scheduler=k8s.io/kubernetes/cmd/kube-scheduler \
    kubelet=k8s.io/kubernetes/cmd/kubelet \
    kube-proxy=k8s.io/kubernetes/cmd/kube-proxy
  build etcd "" "$ETCD_VERSION" etcd=go.etcd.io/etcd/server/v3
  local layout
  layout=$dir/kubeapitest/k8s/${v#v}-linux-$(go_arch)
  if [ -n "$looking" ]; then
    [ -x "$layout/etcd" ] || missing+=("${layout#"$dir/"}")
    return
  fi
  mkdir -p "$layout"
  for p in etcd kube-apiserver kubectl; do ln -sfn "../../../bin/$p" "$layout/$p"; done
}

go_arch() { case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) die "machine $(uname -m)" ;; esac; }

group_node() {
  debian "${NODE_PACKAGES[@]}"
  build kubernetes "" "$KUBERNETES_VERSION" fake-device-plugin=./fake-device-plugin
  build coredns "" "$COREDNS_VERSION" coredns=.
  build pause "" 1 pause=.
}

group_extras() {
  build helm "-X helm.sh/helm/v4/internal/version.version=$HELM_VERSION" "$HELM_VERSION" helm=helm.sh/helm/v4/cmd/helm
  build kubeconform "-X main.version=$KUBECONFORM_VERSION" "$KUBECONFORM_VERSION" kubeconform=github.com/yannh/kubeconform/cmd/kubeconform
}

dir=
case ${1-} in
  --tidy) tidy; exit ;;
  -*) sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  '' | api | node | extras) dir=${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/cluster ;;
  */*) dir=$1; shift ;;
  *) [ -d "$1" ] || die "$1 is neither a group nor a folder that is there"; dir=$1; shift ;;
esac
mkdir -p "$dir/bin/.versions"
dir=$(cd "$dir" && pwd) bin=$dir/bin stamps=$dir/bin/.versions
if [ $# = 0 ]; then set -- api node extras; fi
for group; do
  case $group in
    api | node | extras) ;;
    *) die "no group $group" ;;
  esac
done

# The first look takes no lock: a test that asks for what is there does not wait for a build of something else.
missing=() looking=1
for group; do "group_$group"; done
[ ${#missing[@]} -gt 0 ] || exit 0
looking=
exec 9>"$dir/kube-tools.lock"
flock -n 9 || { say "waiting for another run that makes ${missing[*]}"; flock 9; }
for group; do "group_$group"; done
