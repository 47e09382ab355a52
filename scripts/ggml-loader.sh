# Sourced by ./knarr. Where ggml comes from a tree of scripts/llama-cpp.sh, the JVM has to start through the C library of that tree.
# The order is that of dev.knarr.ggml.GgmlLocation: a configured folder, the system's libraries, Knarr's own tree.

# Prints the program to start the JVM with, or nothing where the JVM starts as usual. Fetches the tree where it is needed and absent.
ggml_loader() {
  dir=${KNARR_WORKER_GGML_DIR:-${KNARR_GGML_DIR:-}}
  previous=
  for argument; do
    case $argument in
      -h | --help | -V | --version) return 0 ;;
      --ggml-dir=*) dir=${argument#--ggml-dir=} ;;
    esac
    [ "$previous" != --ggml-dir ] || dir=$argument
    previous=$argument
  done
  if [ -n "$dir" ]; then
    for loader in "$dir/bin/with-ggml" "$dir/../bin/with-ggml"; do
      if [ -x "$loader" ]; then
        echo "$loader"
        return 0
      fi
    done
    return 0
  fi
  if system_ggml; then return 0; fi
  tree=$KNARR_CACHE/llama.cpp
  if [ ! -f "$tree/PACKAGES" ]; then
    echo "Fetching stock llama.cpp and ggml (once, about 20 MB) …" >&2
    "$KNARR_HOME/scripts/llama-cpp.sh" "$tree" >&2 || return 1
  fi
  echo "$tree/bin/with-ggml"
}

# Succeeds where the system has a ggml of its own, backends included.
system_ggml() {
  triplet=$(uname -m)-linux-gnu
  for libs in "/usr/local/lib/$triplet" /usr/local/lib "/usr/lib/$triplet" /usr/lib64 /usr/lib; do
    if any_file "$libs/libggml-base.so" "$libs/libggml-base.so.0" && any_file "$libs/libggml.so" "$libs/libggml.so.0" &&
      any_file "$libs"/libggml-cpu*.so "$libs"/backends/libggml-cpu*.so "$libs"/ggml/backends*/libggml-cpu*.so; then
      return 0
    fi
  done
  return 1
}

any_file() {
  for file; do
    [ ! -f "$file" ] || return 0
  done
  return 1
}
