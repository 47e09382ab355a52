#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Kubernetes cluster of one node on this machine, from the programs of kube-tools.sh.
#
#   one-node.sh up [DIR]       start (again: from nothing, but images stay), print KUBECONFIG=...
#   one-node.sh down [DIR]     stop, remove pods, network and state; images and logs stay
#   one-node.sh status [DIR]   what runs
#   one-node.sh clean [DIR]    down, and remove images and logs too
#
# DIR is where kube-tools.sh has put the programs, by default cluster in Knarr's cache.
# Needs root, containerd, runc, the CNI plugins and nft. All state is in DIR/node. The API server,
# the kubelet and DNS listen on NODE_IP, an address on a bridge of this script; everything else
# listens on 127.0.0.1. Nothing leaves the machine: pods reach each other, services and NODE_IP.
# No default container runtime or kubelet of the machine is touched, but only one cluster can run
# at a time (kube-proxy's table, /kubepods cgroup and /var/lib/kubelet/device-plugins are fixed).
# The API server writes a line of JSON for each request (who, verb, object, code; no contents) into
# DIR/node/logs/audit.log. Pod Security admission is on, as everywhere.
# With FAKE_GPUS=n the node offers n devices nvidia.com/gpu which do not exist. FEATURE_GATES
# (ImageVolume=true,...) is for API server and kubelet.
set -euo pipefail

NODE_NAME=${NODE_NAME:-one-node}
NODE_IP=${NODE_IP:-10.250.0.1}
POD_CIDR=${POD_CIDR:-10.244.0.0/24}
SERVICE_CIDR=${SERVICE_CIDR:-10.96.0.0/16}
API_SERVICE_IP=${API_SERVICE_IP:-10.96.0.1}
DNS_SERVICE_IP=${DNS_SERVICE_IP:-10.96.0.10}
BRIDGE=${BRIDGE:-kn0}
ETCD_PORT=${ETCD_PORT:-12379}
FAKE_GPUS=${FAKE_GPUS:-0}
FEATURE_GATES=${FEATURE_GATES:-}
PAUSE_IMAGE=localhost/pause:1

say() { printf '%s\n' "$*" >&2; }
die() { say "one-node: $*"; exit 1; }

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ "$(id -u)" = 0 ] || die "needs root"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${2:-${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}/cluster}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
bin=$dir/bin node=$dir/node
pki=$node/pki conf=$node/conf logs=$node/logs pids=$node/pids
sock=$node/containerd/c.sock
[ ${#sock} -le 100 ] || die "the path of $dir is too long for a socket"
api=https://$NODE_IP:6443
kubeconfig=$node/admin.kubeconfig
kubectl() { "$bin/kubectl" --kubeconfig "$kubeconfig" "$@"; }
ctr() { timeout 30 ctr --address "$sock" -n k8s.io "$@"; }

# --- processes --------------------------------------------------------------------------------

# The start time in clock ticks tells a process from a later one with the same id. A process that
# ended and was not collected yet does not count.
born() {
  local s f
  s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra f <<<"${s##*) }"
  [ "${f[0]}" != Z ] && printf '%s\n' "${f[19]}"
}

start() { # start NAME PROGRAM ARGS...
  local name=$1
  shift
  setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null &
  printf '%s %s\n' $! "$(born $!)" >"$pids/$name"
}

alive() { # alive NAME: prints the id
  local pid t
  read -r pid t 2>/dev/null <"$pids/$1" || return 1
  [ "$(born "$pid" || true)" = "$t" ] && printf '%s\n' "$pid"
}

stop() { # stop NAME [SECONDS before SIGKILL]
  local pid i
  if pid=$(alive "$1"); then
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < ${2:-5} * 20; i++)); do alive "$1" >/dev/null || break; sleep 0.05; done
    if alive "$1" >/dev/null; then kill -9 "$pid" 2>/dev/null || true; sleep 0.1; fi
  fi
  rm -f "$pids/$1"
}

wait_for() { # wait_for SECONDS WHAT PROCESS COMMAND...
  local n=$1 what=$2 proc=$3 i
  shift 3
  for ((i = 0; i < n * 5; i++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    alive "$proc" >/dev/null || { tail -n 15 "$logs/$proc.log" >&2; die "$proc ended, see $logs/$proc.log"; }
    sleep 0.2
  done
  tail -n 15 "$logs/$proc.log" >&2
  die "$what: not within $n s, see $logs"
}

# --- keys -------------------------------------------------------------------------------------

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$pki/$1.key" 2>/dev/null; }

cert() { # cert FILE SUBJECT USAGE [ALTERNATIVE NAMES]
  key "$1"
  openssl req -new -key "$pki/$1.key" -subj "$2" -out "$pki/$1.csr" 2>/dev/null
  { echo "keyUsage=critical,digitalSignature"; echo "extendedKeyUsage=$3"
    if [ -n "${4-}" ]; then echo "subjectAltName=$4"; fi; } >"$pki/$1.ext"
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial \
    -days 3650 -extfile "$pki/$1.ext" -out "$pki/$1.crt" 2>/dev/null
  rm -f "$pki/$1.csr" "$pki/$1.ext"
}

config_for() { # config_for FILE CERT: a kubeconfig with everything inside
  cat >"$1" <<EOF
apiVersion: v1
kind: Config
clusters:
- name: one-node
  cluster: {server: "$api", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users:
- name: $2
  user: {client-certificate-data: $(base64 -w0 "$pki/$2.crt"), client-key-data: $(base64 -w0 "$pki/$2.key")}
contexts:
- name: one-node
  context: {cluster: one-node, user: $2}
current-context: one-node
EOF
  chmod 600 "$1"
}

make_keys() {
  key ca
  openssl req -x509 -new -key "$pki/ca.key" -subj /CN=one-node-ca -days 3650 -out "$pki/ca.crt" \
    -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
  key sa
  openssl ec -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
  cert apiserver /CN=kube-apiserver serverAuth "IP:$NODE_IP,IP:$API_SERVICE_IP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  cert kubelet-server "/CN=$NODE_NAME" serverAuth "IP:$NODE_IP,DNS:$NODE_NAME"
  cert to-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  cert admin /O=system:masters/CN=admin clientAuth
  cert kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" clientAuth
  cert kube-controller-manager /CN=system:kube-controller-manager clientAuth
  cert kube-scheduler /CN=system:kube-scheduler clientAuth
  cert kube-proxy /CN=system:kube-proxy clientAuth
  cert coredns /CN=one-node:coredns clientAuth
  # Extension API servers such as a metrics API are reached with this one.
  cert front-proxy /CN=front-proxy clientAuth
  local c
  config_for "$kubeconfig" admin
  for c in kubelet kube-controller-manager kube-scheduler kube-proxy coredns; do
    config_for "$conf/$c.kubeconfig" $c
  done
}

# --- configuration files ----------------------------------------------------------------------

write_conf() {
  cat >"$conf/containerd.toml" <<EOF
version = 2
root = "$node/containerd/root"
state = "$node/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$node/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  disable_apparmor = true
  # For machines without CAP_SYS_RESOURCE, where a score cannot be lowered.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$conf/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
EOF
  mkdir -p "$conf/cni"
  # Each pod is on a link of its own and all traffic is routed by the host, so that services work
  # without netfilter on bridges.
  cat >"$conf/cni/10-one-node.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "one-node", "plugins": [{
  "type": "ptp", "ipMasq": false, "mtu": 1500,
  "ipam": {"type": "host-local", "dataDir": "$node/cni",
           "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
  cat >"$conf/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: 10250
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "$pki/ca.crt"}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
containerRuntimeEndpoint: unix://$sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: [$DNS_SERVICE_IP]
resolvConf: ""
podLogsDir: $node/pod-logs
volumePluginDir: $node/kubelet-volume-plugins
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
registerWithTaints: []
# Secrets and ConfigMaps reach running pods within seconds, as tests of renewals need it.
syncFrequency: 10s
shutdownGracePeriod: 0s
EOF
  if [ -n "$FEATURE_GATES" ]; then
    echo "featureGates: {$(sed 's/=/: /g' <<<"$FEATURE_GATES")}" >>"$conf/kubelet.yaml"
  fi
  # Long-running requests are written when they begin and when they end, others when they end.
  cat >"$conf/audit.yaml" <<EOF
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
EOF
  cat >"$conf/kube-proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: "$conf/kube-proxy.kubeconfig"}
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: [$NODE_IP/32]
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 100ms}
EOF
  cat >"$conf/Corefile" <<EOF
.:10053 {
  bind $NODE_IP
  errors
  health 127.0.0.1:10080
  ready 127.0.0.1:10081
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig $conf/coredns.kubeconfig
    pods insecure
    ttl 5
  }
  loadbalance
}
EOF
  cat >"$conf/cluster.yaml" <<EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: one-node:coredns}
rules:
- {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: one-node:coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: one-node:coredns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: one-node:coredns}]
---
# DNS is a process of the host behind an ordinary service.
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: $DNS_SERVICE_IP
  ports:
  - {name: dns, port: 53, targetPort: 10053, protocol: UDP}
  - {name: dns-tcp, port: 53, targetPort: 10053, protocol: TCP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-host, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [$NODE_IP], conditions: {ready: true}}]
ports:
- {name: dns, port: 10053, protocol: UDP}
- {name: dns-tcp, port: 10053, protocol: TCP}
EOF
}

# --- up ---------------------------------------------------------------------------------------

keep_sysctl() { # keep_sysctl NAME...: remember values that this script or the kubelet changes
  local n
  for n; do printf '%s=%s\n' "$n" "$(sysctl -n "$n")"; done >"$node/sysctl"
}

up() {
  local p t=$SECONDS
  for p in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns pause; do
    [ -x "$bin/$p" ] || die "$bin/$p is missing: $here/kube-tools.sh $dir api node"
  done
  for p in containerd ctr runc nft openssl ip curl python3; do command -v $p >/dev/null || die "$p is missing"; done
  [ -x /usr/lib/cni/ptp ] || die "the CNI plugins are missing"
  if alive kube-apiserver >/dev/null && alive kubelet >/dev/null; then
    say "runs already"
    echo "KUBECONFIG=$kubeconfig"
    return
  fi
  if [ -e "$node/up" ]; then down; fi
  if ip link show "$BRIDGE" >/dev/null 2>&1; then die "there is a link $BRIDGE already: another cluster?"; fi
  mkdir -p "$pki" "$conf" "$logs" "$pids" "$node/containerd"
  chmod 700 "$pki" "$conf"
  rm -f "$logs"/*.log
  touch "$node/up"

  keep_sysctl net.ipv4.ip_forward vm.overcommit_memory kernel.panic kernel.panic_on_oops \
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes
  sysctl -qw net.ipv4.ip_forward=1
  # The first "ip netns add" on a machine mounts a folder over the namespaces that are there. Have
  # it happen before containerd makes some, or they could not be removed any more.
  if ! mountpoint -q /run/netns; then ip netns add one-node-probe && ip netns del one-node-probe && touch "$node/netns"; fi
  ip link add "$BRIDGE" type bridge
  ip addr add "$NODE_IP/32" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  make_keys
  write_conf

  start etcd "$bin/etcd" --name one --data-dir "$node/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" \
    --initial-cluster "one=http://127.0.0.1:$((ETCD_PORT + 1))"
  start containerd containerd --config "$conf/containerd.toml"
  start kube-apiserver "$bin/kube-apiserver" \
    --advertise-address "$NODE_IP" --bind-address "$NODE_IP" --secure-port 6443 \
    --etcd-servers "http://127.0.0.1:$ETCD_PORT" \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC \
    --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-cluster-ip-range "$SERVICE_CIDR" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --kubelet-client-certificate "$pki/to-kubelet.crt" --kubelet-client-key "$pki/to-kubelet.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --requestheader-client-ca-file "$pki/ca.crt" --requestheader-allowed-names front-proxy \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key" \
    --audit-policy-file "$conf/audit.yaml" --audit-log-path "$logs/audit.log" --audit-log-maxsize 4096 \
    ${FEATURE_GATES:+--feature-gates "$FEATURE_GATES"}

  wait_for 20 "containerd" containerd ctr version
  if ! ctr images ls -q | grep -qx "$PAUSE_IMAGE"; then
    mkdir -p "$node/pause"
    cp "$bin/pause" "$node/pause/pause"
    "$here/make-image.py" "$node/pause" "$PAUSE_IMAGE" --as-root --entrypoint /pause --load "$dir" >&2
    rm -rf "$node/pause"
  fi

  wait_for 60 "API server" kube-apiserver kubectl get --raw /readyz
  start kube-controller-manager "$bin/kube-controller-manager" \
    --kubeconfig "$conf/kube-controller-manager.kubeconfig" --bind-address 127.0.0.1 \
    --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --use-service-account-credentials --leader-elect=false
  start kube-scheduler "$bin/kube-scheduler" --kubeconfig "$conf/kube-scheduler.kubeconfig" \
    --authentication-kubeconfig "$conf/kube-scheduler.kubeconfig" \
    --authorization-kubeconfig "$conf/kube-scheduler.kubeconfig" \
    --bind-address 127.0.0.1 --leader-elect=false
  mkdir -p "$node/kubelet" "$node/pod-logs"
  start kubelet "$bin/kubelet" --config "$conf/kubelet.yaml" --kubeconfig "$conf/kubelet.kubeconfig" \
    --root-dir "$node/kubelet" --cert-dir "$node/kubelet/pki" \
    --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
  start kube-proxy "$bin/kube-proxy" --config "$conf/kube-proxy.yaml"
  kubectl apply --server-side -f "$conf/cluster.yaml" >/dev/null
  start coredns "$bin/coredns" -conf "$conf/Corefile"
  if [ "$FAKE_GPUS" != 0 ]; then
    wait_for 30 "kubelet's socket" kubelet test -S /var/lib/kubelet/device-plugins/kubelet.sock
    start fake-device-plugin "$bin/fake-device-plugin" -count "$FAKE_GPUS"
  fi
  wait_for 60 "node" kubelet node_ready
  wait_for 30 "DNS" coredns curl -sf http://127.0.0.1:10081/ready
  wait_for 30 "service account" kube-controller-manager kubectl -n default get serviceaccount default
  say "up after $((SECONDS - t)) s"
  echo "KUBECONFIG=$kubeconfig"
}

node_ready() {
  [ "$(kubectl get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

# --- down -------------------------------------------------------------------------------------

namespaces() { # the network namespaces of the sandboxes
  local c
  for c in $(ctr containers ls -q 'labels."io.cri-containerd.kind"==sandbox' 2>/dev/null); do
    ctr containers info "$c" 2>/dev/null | sed -n 's|.*"path": "/var/run/netns/\(cni-[^"]*\)".*|\1|p'
  done
}

remove_containers() { # what kubectl and the kubelet have left
  local c i
  for c in $(ctr tasks ls -q 2>/dev/null); do
    ctr tasks kill -s KILL "$c" >/dev/null 2>&1 || true
  done
  for c in $(ctr containers ls -q 2>/dev/null); do
    for i in 1 2 3 4 5; do
      ctr tasks rm -f "$c" >/dev/null 2>&1 || true
      ctr containers rm "$c" >/dev/null 2>&1 && break
      sleep 0.2
    done
  done
}

down() {
  local i p m left nets=
  if [ ! -e "$node/up" ]; then say "is not up"; return; fi
  if ! alive containerd >/dev/null && [ -e "$conf/containerd.toml" ]; then
    # It ended too early: the pods can be removed only with its help.
    start containerd containerd --config "$conf/containerd.toml"
    for ((i = 0; i < 50; i++)); do
      if ctr version >/dev/null 2>&1; then break; fi
      sleep 0.2
    done
  fi
  if alive containerd >/dev/null; then nets=$(namespaces); fi
  # Nothing of their state is kept, so that those which only talk to the API server end at once.
  stop kube-scheduler 0
  stop kube-controller-manager 0
  if alive kubelet >/dev/null && alive kube-apiserver >/dev/null; then
    timeout 20 "$bin/kubectl" --kubeconfig "$kubeconfig" delete pods -A --all --force --grace-period=0 --wait=false >/dev/null 2>&1 || true
    # The kubelet removes sandboxes late, but their tasks and addresses go at once.
    for ((i = 0; i < 60; i++)); do
      [ -n "$(ctr tasks ls -q 2>/dev/null)$(compgen -G "$node/cni/one-node/[0-9]*")" ] || break
      sleep 0.25
    done
  fi
  stop kubelet 3
  for p in fake-device-plugin kube-proxy coredns kube-apiserver etcd; do stop $p 0; done
  if alive containerd >/dev/null; then remove_containers; fi
  stop containerd
  # Some may be left when the kubelet was stopped in the middle of removing a pod.
  for i in $nets; do ip netns del "$i" 2>/dev/null || true; done
  # Shims outlive containerd; those with our socket in their arguments are ours.
  for p in /proc/[0-9]*; do
    if tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -q "^[^ ]*containerd-shim-runc-v2 .*-address $sock "; then
      kill -9 "${p#/proc/}" 2>/dev/null || true
    fi
  done
  for i in 1 2 3; do
    left=$(awk -v d="$node/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r)
    [ -n "$left" ] || break
    for m in $left; do umount -l "$m" 2>/dev/null || true; done
  done
  nft delete table ip kube-proxy 2>/dev/null || true
  nft delete table ip6 kube-proxy 2>/dev/null || true
  find /sys/fs/cgroup -maxdepth 2 -name kubepods -type d 2>/dev/null | while read -r m; do
    # Processes of containers that have lost their shim.
    left=$(find "$m" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u)
    if [ -n "$left" ]; then kill -9 $left 2>/dev/null || true; sleep 0.3; fi
    find "$m" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
  ip link del "$BRIDGE" 2>/dev/null || true
  if [ -d /var/log/containers ]; then
    find /var/log/containers -type l -lname "$node/*" -delete
    rmdir /var/log/containers 2>/dev/null || true
  fi
  rm -f /var/lib/cni/results/one-node-*
  rm -f /var/lib/kubelet/device-plugins/kubelet.sock /var/lib/kubelet/device-plugins/kubelet_internal_checkpoint
  rmdir /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
  if [ -e "$node/netns" ] && [ -z "$(ls -A /run/netns)" ]; then umount /run/netns && rmdir /run/netns || true; fi
  if [ -e "$node/sysctl" ]; then sysctl -q -p "$node/sysctl" >/dev/null || true; fi
  rm -rf "$pki" "$conf" "$pids" "$kubeconfig" "$node"/{etcd,kubelet,cni,pod-logs,pause,kubelet-volume-plugins,netns,sysctl,up}
  say "down"
}

status() {
  local p
  for p in etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy coredns fake-device-plugin; do
    if alive "$p" >/dev/null; then echo "$p: $(alive "$p")"; else echo "$p: -"; fi
  done
  if alive kube-apiserver >/dev/null; then
    kubectl get nodes,pods -A -o wide || true
    echo "KUBECONFIG=$kubeconfig"
  else
    return 3
  fi
}

case $1 in
  up | down | status) "$1" ;;
  clean) down; rm -rf "$node" ;;
  *) die "no command $1" ;;
esac
