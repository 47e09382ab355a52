// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/**
 * How fast one link is, measured or assumed. Immutable.
 *
 * @param roundTripMicros the shortest round trip; half of it is the way of one message
 * @param forthBytesPerSecond what crosses from the one who measured; 0 when nobody did
 * @param backBytesPerSecond what crosses towards the one who measured; 0 when nobody did
 */
public record LinkSpeed(
    double roundTripMicros, double forthBytesPerSecond, double backBytesPerSecond) {

  /** Nobody has measured it. */
  public static final LinkSpeed UNMEASURED = new LinkSpeed(0, 0, 0);

  /** Checks the ranges. */
  public LinkSpeed {
    if (!(roundTripMicros >= 0 && forthBytesPerSecond >= 0 && backBytesPerSecond >= 0)) {
      throw new IllegalArgumentException(
          "A link takes %s µs and carries %s and %s bytes per second: none may be negative."
              .formatted(roundTripMicros, forthBytesPerSecond, backBytesPerSecond));
    }
  }

  /** Whether its throughput is known in both directions. */
  public boolean measured() {
    return forthBytesPerSecond > 0 && backBytesPerSecond > 0;
  }

  /** The same link as the other end sees it. */
  LinkSpeed reversed() {
    return new LinkSpeed(roundTripMicros, backBytesPerSecond, forthBytesPerSecond);
  }

  /** How long so many bytes take beside the way; 0 when the throughput is not known. */
  double transferMicros(long bytes) {
    return forthBytesPerSecond > 0 ? bytes / forthBytesPerSecond * 1_000_000 : 0;
  }
}
