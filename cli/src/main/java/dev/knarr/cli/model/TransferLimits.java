// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.time.Duration;

/**
 * How long a transfer waits, and for what. Immutable.
 *
 * @param connect for a connection to open
 * @param response for the head of an answer
 * @param stall without a byte before the connection is given up and made again
 * @param attempts in a row that bring no byte before the transfer is given up
 * @param pause after the first failed attempt; doubled after each, up to sixteen times
 * @param lock for another run that fetches the same file and makes no headway
 */
record TransferLimits(
    Duration connect,
    Duration response,
    Duration stall,
    int attempts,
    Duration pause,
    Duration lock) {
  /** Where nobody sits in front of it: about two minutes before a server is given up. */
  static TransferLimits patient() {
    return new TransferLimits(
        Duration.ofSeconds(15),
        Duration.ofMinutes(1),
        Duration.ofMinutes(1),
        8,
        Duration.ofSeconds(2),
        Duration.ofMinutes(5));
  }

  static TransferLimits defaults() {
    return new TransferLimits(
        Duration.ofSeconds(15),
        Duration.ofMinutes(1),
        Duration.ofMinutes(1),
        6,
        Duration.ofSeconds(1),
        Duration.ofMinutes(5));
  }
}
