# Sourced by scripts that take something from Debian.

# Prints the mirror that this host's apt uses, or $DEBIAN_MIRROR; nothing where apt names none.
debian_mirror() {
  [ -z "${DEBIAN_MIRROR:-}" ] || { echo "$DEBIAN_MIRROR"; return 0; }
  { sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources
    sed -n 's/^deb[[:space:]]\(\[[^]]*\][[:space:]]\)\?\([^[:space:]]*\).*/\2/p' /etc/apt/sources.list; } 2>/dev/null | head -n 1 || true
}

# Installs packages; what there is to say goes to stderr. Where it cannot, the last line is a sentence with what to do, and it fails.
debian_install() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing, and installing it needs root and apt: apt-get install $*" >&2
    return 1
  fi
  echo "installing $*" >&2
  # A service that a package would start is not wanted: tests start their own.
  local policy=/usr/sbin/policy-rc.d mine='' status=0
  local install=(apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@")
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    mine=1
  fi
  { "${install[@]}" || { apt-get update && "${install[@]}"; }; } >&2 || status=1
  [ -z "$mine" ] || rm -f $policy
  [ $status = 0 ] || echo "apt-get install $* failed" >&2
  return $status
}
