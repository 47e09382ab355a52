// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;

/** The connections of a pod to a port, as {@code ss -ti} tells of them. */
record PodSockets(PodProcess process, int port) {
  private static final Pattern SENT = Pattern.compile("bytes_sent:(\\d+)");
  private static final Pattern RETRANSMITTED = Pattern.compile("bytes_retrans:(\\d+)");
  private static final Pattern RECEIVED = Pattern.compile("bytes_received:(\\d+)");

  /** Payload of a connection, without what was sent again. */
  record Count(long sent, long received) {}

  /** Each connection by its own address. */
  Map<String, Count> bytes() throws IOException, InterruptedException {
    var id = String.valueOf(process.ids().getFirst());
    var command =
        List.of(
            "nsenter", "-t", id, "-n", "ss", "-tinHO", "state", "established", "dport = " + port);
    var ss = new ProcessBuilder(command).redirectErrorStream(true).start();
    var text = new String(ss.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    if (ss.waitFor() != 0) {
      throw new IllegalStateException("%s failed: %s".formatted(command, text));
    }
    var counts = new TreeMap<String, Count>();
    text.lines()
        .forEach(
            line ->
                counts.put(
                    line.strip().split("\\s+", 4)[2],
                    new Count(
                        number(SENT, line) - number(RETRANSMITTED, line), number(RECEIVED, line))));
    return counts;
  }

  /** Over all connections. */
  static long sum(Map<String, Count> counts, ToLongFunction<Count> count) {
    return counts.values().stream().mapToLong(count).sum();
  }

  private static long number(Pattern pattern, String line) {
    var found = pattern.matcher(line);
    return found.find() ? Long.parseLong(found.group(1)) : 0;
  }
}
