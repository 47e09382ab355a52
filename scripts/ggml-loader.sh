# Sourced by ./knarr. Where ggml comes from Knarr's own tree, the JVM has to start through the C library of that tree.

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
  tree=$KNARR_CACHE/llama.cpp
  if [ -n "$dir" ]; then
    # Any tree made by llama-cpp.sh, its lib folder named.
    if [ -x "$dir/../bin/with-ggml" ]; then echo "$dir/../bin/with-ggml"; fi
    return 0
  fi
  if system_ggml; then return 0; fi
  if [ ! -x "$tree/bin/with-ggml" ] || [ ! -f "$tree/PACKAGES" ]; then
    "$KNARR_HOME/scripts/llama-cpp.sh" "$tree" >&2 || return 1
  fi
  echo "$tree/bin/with-ggml"
}

# Succeeds where the system has a ggml of its own.
system_ggml() {
  { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q 'libggml-base\.so'
}
