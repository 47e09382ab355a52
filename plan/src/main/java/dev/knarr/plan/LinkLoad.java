// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/**
 * What one link carries in one direction. Immutable.
 *
 * @param from a worker, or {@link WireStop#HEAD}
 * @param to a worker, or {@link WireStop#HEAD}
 * @param bytesPerToken for one generated token, framing included
 * @param promptBytesPerToken for one token of a prompt, framing included
 * @param speed of the link, in this direction; {@link LinkSpeed#UNMEASURED} when it is not known
 * @param micros what a generated token waits for it, 0 where it does not
 * @param transferMicros the part of that which more throughput would shorten
 */
public record LinkLoad(
    String from,
    String to,
    double bytesPerToken,
    double promptBytesPerToken,
    LinkSpeed speed,
    double micros,
    double transferMicros) {
  /** Its ends for people: {@code head → a-0}. */
  public String name() {
    return from + " → " + to;
  }
}
