# Sourced by ./knarr and by the launcher of the images (images/launcher): how the JVM is started for a command.

# Sets $flags (every start, a rehearsal for the ahead-of-time cache too) and $heap (the command $1), each a list of words, and exports what has
# to be in the environment before native code is loaded.
jvm_flags() {
  flags="-XX:+UseSerialGC -XX:+UseCompactObjectHeaders --enable-native-access=ALL-UNNAMED"
  case $1 in
    # Small young generations: what is not collected counts as memory of the process.
    worker | head) heap="-Xms48m -Xmn32m -Xmx512m" ;;
    operator) heap="-Xms32m -Xmn16m -Xmx256m -XX:TieredStopAtLevel=1" ;;
    # Its relays and uploads are as fast as those of a head.
    bench) heap=-Xmx256m ;;
    # Short-lived or idle: the second compiler would only cost start-up time.
    *) heap="-Xmx256m -XX:TieredStopAtLevel=1" ;;
  esac
  [ "$1" = worker ] || return 0
  # A debugger forked into the JVM by a failing ggml helps nobody; it must be off before the library is loaded.
  export GGML_NO_BACKTRACE=1
  # One arena of the C library for each client that ever came by would never shrink again.
  export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
}
