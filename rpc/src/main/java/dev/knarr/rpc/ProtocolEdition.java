// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One row of the table of protocol versions: what a version can say, and when llama.cpp spoke it. A
 * new version is a new row here, plus the commands that it adds. Immutable; any thread.
 *
 * @param version the first version with this layout
 * @param released when llama.cpp spoke it, for messages
 * @param spoken whether this library speaks it
 * @param commands the commands it has; empty where it is not spoken
 * @param operations the size of the operation table; codes from this number on are refused; 0 where
 *     it is not spoken
 */
public record ProtocolEdition(
    ProtocolVersion version,
    String released,
    boolean spoken,
    Set<RpcCommand> commands,
    int operations) {

  /** Protocol 8.0. */
  public static final ProtocolEdition V8_0 =
      new ProtocolEdition(
          ProtocolVersion.V8_0,
          "autumn 2026, ggml 0.27",
          true,
          EnumSet.range(RpcCommand.ALLOC_BUFFER, RpcCommand.COMM_FREE),
          101);

  /** The one that channels of this library speak. */
  public static final ProtocolEdition CURRENT = V8_0;

  /** Every version of llama.cpp with a HELLO, oldest first. */
  public static final List<ProtocolEdition> KNOWN =
      List.of(
          unspoken(1, 0, "April 2025"),
          unspoken(2, 0, "April 2025"),
          unspoken(3, 0, "October 2025"),
          unspoken(3, 5, "November 2025"),
          unspoken(3, 6, "December 2025"),
          unspoken(4, 0, "April 2026"),
          unspoken(5, 0, "July 2026"),
          unspoken(5, 1, "August 2026"),
          unspoken(6, 0, "August 2026"),
          unspoken(7, 0, "September 2026"),
          V8_0);

  public ProtocolEdition {
    commands = Collections.unmodifiableSet(commands);
  }

  private static ProtocolEdition unspoken(int major, int minor, String released) {
    return new ProtocolEdition(new ProtocolVersion(major, minor, 0), released, false, Set.of(), 0);
  }

  /** The row of a version: same major and minor. Empty for versions llama.cpp never had. */
  public static Optional<ProtocolEdition> of(ProtocolVersion version) {
    return KNOWN.stream()
        .filter(e -> e.version.major() == version.major() && e.version.minor() == version.minor())
        .findFirst();
  }

  /** What to tell a person whose two programs do not fit: both versions and the remedy. */
  public static String mismatch(String server, ProtocolVersion theirs, ProtocolVersion ours) {
    String released =
        of(theirs)
            .map(e -> " (llama.cpp of " + e.released() + ")")
            .orElse(" (not a version of llama.cpp that is known here)");
    String wanted = of(ours).map(e -> " (llama.cpp of " + e.released() + ")").orElse("");
    return "%s speaks RPC protocol %s%s, this side speaks %s%s. Both must have the same major version: %s."
        .formatted(
            server,
            theirs,
            released,
            ours,
            wanted,
            theirs.compareTo(ours) < 0
                ? "update llama.cpp or the worker on that machine"
                : "update Knarr, or use a llama.cpp of this side's version on that machine");
  }
}
