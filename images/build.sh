#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds Knarr's images with buildah, podman or docker, whichever is there (KNARR_IMAGE_ENGINE chooses).
#
#   images/build.sh [OPTION…] [NAME…]     operator head server worker-cpu (without a name: these); worker-vulkan worker-rocm
#
#   --prefix PREFIX   what the names begin with (localhost/knarr)
#   --tag TAG         (dev)
#   --built           take the applications as they lie in cli/target and operator/target; otherwise they are built when a source is newer
#   --folders         make only the folders that images are made from, target/images/knarr and knarr-operator
#   --fresh           take no step from an earlier build, so the packages are Debian's newest
#   --load DIR        put the images into the cluster of scripts/cluster/one-node.sh up DIR
#   --push            push them to the registry that PREFIX names
#
# What has not changed is neither built nor loaded again. Of two runs at once the second waits.
# Needs a JDK 25 and python3. A base image that cannot be pulled is made with debootstrap from the mirror that this host's apt uses, which
# needs root; so does installing buildah and debootstrap where they are absent.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/images
cache=${KNARR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/knarr}

say() { printf '%s\n' "$*" >&2; }
fail() { say "build.sh: $*"; exit 1; }
usage() { sed -n '3,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

prefix=localhost/knarr tag=dev built='' folders='' fresh='' load='' push='' names=()
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --tag | --load) [ $# -gt 1 ] || usage; declare "${1#--}=$2"; shift ;;
    --built) built=yes ;;
    --folders) folders=yes ;;
    --fresh) fresh=yes ;;
    --push) push=yes ;;
    operator | head | server | worker-cpu | worker-vulkan | worker-rocm) names+=("$1") ;;
    *) usage ;;
  esac
  shift
done
[ ${#names[@]} -gt 0 ] || names=(operator head server worker-cpu)
mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || { say "waiting for another run of build.sh"; flock 9; }

# --- tools --------------------------------------------------------------------------------------

# shellcheck source=scripts/debian.sh
. "$root/scripts/debian.sh"
debian() { DEBIAN_FRONTEND=noninteractive debian_install "$@" 9>&- || exit 1; }

engine=${KNARR_IMAGE_ENGINE:-}
if [ -z "$engine$folders" ]; then
  if command -v buildah >/dev/null; then engine=buildah
  elif command -v podman >/dev/null; then engine=podman
  elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then engine=docker
  else debian buildah; engine=buildah
  fi
fi
# Without a user namespace or a service of the system; also inside a container.
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

image_id() { "$engine" images -q --no-trunc "$1" 2>/dev/null | head -n 1 || true; }

# The inputs that an image was made from.
image_inputs() {
  case $engine in
    buildah) buildah inspect --type image --format '{{index .OCIv1.Config.Labels "dev.knarr.inputs"}}' "$1" 2>/dev/null || true ;;
    *) "$engine" image inspect --format '{{index .Config.Labels "dev.knarr.inputs"}}' "$1" 2>/dev/null || true ;;
  esac
}

# Runs a command in silence; its last lines follow where it fails.
quietly() { # quietly LOG COMMAND…
  local log=$work/$1.log
  shift
  "$@" >"$log" 2>&1 9>&- && return
  tail -n 20 "$log" >&2
  fail "$1 failed: see $log"
}

hash_of() { sha256sum | cut -c1-16; }
hash_files() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | hash_of; }

# --- applications and their runtime ----------------------------------------------------------------

# Succeeds where the program of a module is built and no source is newer.
is_built() {
  local app=$root/$1/target/quarkus-app/quarkus-run.jar
  [ -f "$app" ] || return 1
  [ -z "$built" ] || return 0
  [ -z "$(find "$root/pom.xml" "$root"/*/pom.xml "$root"/*/src/main -newer "$app" -type f -print -quit)" ]
}

# What the applications use, and what helps to look into a running one (jcmd, flight recordings). From jdeps, without what is only reached
# where it is there: java.desktop (beans of Jackson), java.rmi, jdk.compiler.
modules=java.base,java.logging,java.management,java.naming,java.net.http,java.security.jgss,java.security.sasl,java.sql,java.xml
modules+=,jdk.httpserver,jdk.jcmd,jdk.jfr,jdk.management,jdk.net,jdk.unsupported,jdk.zipfs

# Makes $work/runtime: the Java runtime of the JDK that builds, without what is not used.
make_runtime() {
  jdk=$("$root/scripts/find-jdk") || exit 1
  runtime_inputs=$({ cat "$jdk/release"; echo "$modules"; declare -f make_runtime; } | hash_of)
  [ "$(cat "$work/runtime.inputs" 2>/dev/null)" != "$runtime_inputs" ] || return 0
  say "linking a Java runtime from $jdk"
  rm -rf "$work/runtime" "$work/runtime.inputs"
  quietly runtime "$jdk/bin/jlink" --add-modules "$modules" --strip-java-debug-attributes --no-header-files --no-man-pages --output "$work/runtime"
  # The JVM looks on the class path for providers whose modules are left out, and on its way makes BouncyCastle's with all its classes.
  local security=$work/runtime/conf/security/java.security
  awk -F= '/^security\.provider\.[0-9]+=/ { if ($2 !~ /^(XMLDSig|SunPCSC|JdkSASL|SunPKCS11)$/) print "security.provider." ++n "=" $2; next } { print }' \
    "$security" >"$security.new"
  mv "$security.new" "$security"
  echo "$runtime_inputs" >"$work/runtime.inputs"
}

# Makes what an image has as context and sets $payload to that folder, and $payload_inputs to what it is made from.
make_payload() { # make_payload IMAGE
  case $1 in
    operator) make_knarr knarr-operator operator ;;
    head | worker-*) make_knarr knarr cli ;;
    server) payload=$root/images/server payload_inputs= ;; # needs nothing of Knarr
  esac
}

# Makes the folder /opt/knarr of images, $work/NAME: bin, lib, runtime, app.
declare -A made=()
make_knarr() { # make_knarr NAME MODULE
  local name=$1 module=$2 app=$root/$2/target/quarkus-app part=$work/$1.part
  payload=$work/$name payload_inputs=${made[$1]:-}
  [ -z "$payload_inputs" ] || return 0
  is_built "$module" || make_applications
  make_runtime
  payload_inputs=$({ echo "$runtime_inputs"; hash_files "$app"; cat "$root/images/launcher" "$root/scripts/jvm-flags.sh" "$root"/images/*.sh; } | hash_of)
  if [ "$(cat "$payload.inputs" 2>/dev/null)" = "$payload_inputs" ]; then
    made[$name]=$payload_inputs
    return
  fi
  say "putting $name together"
  rm -rf "$part" "$payload" "$payload.inputs"
  mkdir -p "$part/bin" "$part/lib"
  cp -a "$work/runtime" "$part/runtime"
  cp -a "$app" "$part/app"
  rm -f "$part/app/quarkus-app-dependencies.txt"
  cp "$root/images/launcher" "$part/bin/$name"
  cp "$root/scripts/jvm-flags.sh" "$root/LICENSE" "$part/lib/"
  chmod -R u=rwX,go=rX "$part"
  # The JVM compares the times of jars with those in its ahead-of-time cache; with one time for all, layers do not depend on when they are made.
  find "$part" -exec touch -h -d @315532800 {} +
  mv "$part" "$payload"
  rehearse "$name"
  touch -d @315532800 "$payload/lib"
  # Without a cache it counts as unfinished: the next run tries again.
  if [ -s "$payload/lib/app.aot" ]; then echo "$payload_inputs" >"$payload.inputs"; else payload_inputs+=-slow; fi
  made[$name]=$payload_inputs
}

make_applications() {
  say "building the applications"
  quietly maven "$root/mvnw" -B -f "$root/pom.xml" -pl cli,operator -am -DskipTests -Dmaven.test.skip=true -Dspotless.check.skip=true package
  touch "$root"/{cli,operator}/target/quarkus-app/quarkus-run.jar
}

# Lets the program of a payload run once and write down what a quick start needs (docs/decisions/0010). Without it, starts are slower.
rehearse() {
  local flags heap log=$work/rehearsal-$1.log aot=$payload/lib/app.aot folder
  # shellcheck source=scripts/jvm-flags.sh
  . "$root/scripts/jvm-flags.sh"
  folder=$(mktemp -d "$work/rehearsal.XXXXXX")
  case $1 in
    knarr)
      (
        "$root/scripts/llama-cpp.sh" "$cache/llama.cpp"
        jvm_flags worker
        # shellcheck disable=SC2086 # The flags are words.
        "$cache/llama.cpp/bin/with-ggml" "$payload/runtime/bin/java" $flags -Xmx512m -XX:AOTCacheOutput="$aot" \
          -cp "$payload/app/quarkus-run.jar" dev.knarr.cli.Rehearsal "$folder/ports.json"
      ) >"$log" 2>&1 9>&- || true
      ;;
    knarr-operator)
      "$root/scripts/cluster/with-api-server.sh" "$cache/cluster" "$root/images/rehearse-operator.sh" "$payload" >"$log" 2>&1 9>&- || true
      ;;
  esac
  rm -rf "$folder"
  if [ -s "$aot" ]; then
    chmod 644 "$aot"
    touch -d @315532800 "$aot"
  else
    say "  without a cache for quick starts, since the rehearsal failed: see $log"
  fi
}

# --- base images ------------------------------------------------------------------------------------

containerfile() { echo "$root/images/${1%%-*}/Containerfile"; }
base_of() { sed -n 's/^ARG BASE=//p' "$(containerfile "$1")"; }

make_base() { # make_base IMAGE
  local image=$1 suite=${1##*:} mirror log=$work/base.log folder container
  suite=${suite%-slim}
  [ -z "$(image_id "$image")" ] || return 0
  timeout 120 "$engine" pull "$image" >"$log" 2>&1 9>&- && return
  [ "$(id -u)" = 0 ] || fail "$image cannot be pulled (see $log), and making it with debootstrap needs root"
  command -v debootstrap >/dev/null || debian debootstrap
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "$image cannot be pulled (see $log), and this host's apt names no Debian mirror to make it from: set DEBIAN_MIRROR"
  say "making $image with debootstrap, since it cannot be pulled"
  folder=$work/base
  rm -rf "$folder"
  # Suites that this debootstrap does not know yet are made like sid.
  local script=/usr/share/debootstrap/scripts/$suite
  [ -e "$script" ] || script=${script%/*}/sid
  quietly base debootstrap --variant=minbase "$suite" "$folder" "$mirror" "$script"
  # Slim means without documentation and translations, also of what is installed later.
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale groff lintian >"$folder/etc/dpkg/dpkg.cfg.d/docker"
  printf 'path-include /usr/share/doc/*/copyright\n' >>"$folder/etc/dpkg/dpkg.cfg.d/docker"
  # How this host's apt reaches its mirror, and whether it minds the age of what it finds there.
  apt-config dump | grep -E '^Acquire::(http|https|Retries|Check-)' >"$folder/etc/apt/apt.conf.d/host" || true
  find "$folder/usr/share/doc" -mindepth 1 -not -name copyright -not -type d -delete
  find "$folder"/usr/share/{doc,man,info,locale} -mindepth 1 -depth -type d -empty -delete
  rm -rf "$folder"/usr/share/{man,info,locale,groff,lintian}/* "$folder"/var/lib/apt/lists/* "$folder"/var/cache/{apt,debconf}/* "$folder"/var/log/*
  case $engine in
    buildah)
      container=$(buildah from scratch)
      quietly base buildah add "$container" "$folder" /
      quietly base buildah config --cmd bash "$container"
      quietly base buildah commit --rm "$container" "$image"
      ;;
    *) tar -C "$folder" --numeric-owner -c . | "$engine" import --change 'CMD ["bash"]' - "$image" >"$log" 2>&1 ;;
  esac
  rm -rf "$folder"
}

# --- images -----------------------------------------------------------------------------------------

make_image() { # make_image NAME
  local name=$1 image=$prefix/$1:$tag file arguments=() base inputs old started=$SECONDS
  make_payload "$name"
  case $name in
    worker-vulkan) arguments=("BACKEND_PACKAGES=libggml0-backend-vulkan mesa-vulkan-drivers") ;;
    worker-rocm) arguments=("BACKEND_PACKAGES=libggml0-backend-hip") ;;
  esac
  file=$(containerfile "$name")
  base=$(base_of "$name")
  inputs=$({ cat "$file"; echo "$payload_inputs" "${arguments[*]}" "$(image_id "$base")"; } | hash_of)
  if [ -n "$fresh" ] || [ "$(image_inputs "$image")" != "$inputs" ]; then
    old=$(image_id "$image")
    arguments+=("VERSION=$(sed -n 's|^  <version>\(.*\)</version>|\1|p' "$root/pom.xml" | head -n 1)" "REVISION=$(git -C "$root" rev-parse HEAD 2>/dev/null || true)")
    local options=(--label "dev.knarr.inputs=$inputs" -f "$file" -t "$image")
    local argument
    for argument in "${arguments[@]}"; do options+=(--build-arg "$argument"); done
    [ -z "$fresh" ] || options+=(--no-cache)
    case $engine in
      buildah) quietly "$name" buildah bud --layers --pull-never "${options[@]}" "$payload" ;;
      podman) quietly "$name" podman build --layers --pull=never "${options[@]}" "$payload" ;;
      docker) quietly "$name" docker build "${options[@]}" "$payload" ;;
      *) fail "KNARR_IMAGE_ENGINE is $engine: choose buildah, podman or docker" ;;
    esac
    [ -z "$old" ] || [ "$old" = "$(image_id "$image")" ] || "$engine" rmi "$old" >/dev/null 2>&1 || true
    say "$image: built in $((SECONDS - started)) s"
  else
    say "$image: unchanged"
  fi
  if [ -n "$load" ]; then load_image "$image"; fi
  if [ -n "$push" ]; then quietly push "$engine" push "$image"; fi
}

load_image() { # load_image IMAGE
  local image=$1 id old tar=$work/load.tar started=$SECONDS
  local ctr=(ctr --address "$(cd "$load" && pwd -P)/node/containerd/c.sock" -n k8s.io)
  id=$(image_id "$image")
  id=${id#*:}
  old=$("${ctr[@]}" images ls "name==$image" | sed -n 's/.*dev\.knarr\.id=\([0-9a-f]*\).*/\1/p')
  [ "$old" != "$id" ] || return 0
  rm -f "$tar"
  case $engine in
    buildah) quietly load buildah push "$image" "docker-archive:$tar:$image" ;;
    *) quietly load "$engine" save -o "$tar" "$image" ;;
  esac
  quietly load "${ctr[@]}" images import "$tar"
  quietly load "${ctr[@]}" images label "$image" "dev.knarr.id=$id"
  rm -f "$tar"
  # The runtime keeps an image under its id too; pods that run from it are not disturbed.
  [ -z "$old" ] || "${ctr[@]}" images rm "sha256:$old" >/dev/null 2>&1 || true
  say "$image: loaded in $((SECONDS - started)) s"
}

if [ -n "$folders" ]; then
  for name in "${names[@]}"; do make_payload "$name"; done
  exit
fi
[ -z "$load" ] || [ -S "$load/node/containerd/c.sock" ] || fail "no cluster runs in $load: scripts/cluster/one-node.sh up $load"
# A base from debootstrap is mostly waiting for the disk; meanwhile the applications get ready.
(for name in "${names[@]}"; do make_base "$(base_of "$name")"; done) &
bases=$!
for name in "${names[@]}"; do make_payload "$name"; done
wait "$bases" || exit 1
for name in "${names[@]}"; do make_image "$name"; done
