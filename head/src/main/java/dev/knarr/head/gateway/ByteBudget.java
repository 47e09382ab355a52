// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

/** Memory that all requests share. */
final class ByteBudget {

  private final long limitBytes;
  private long takenBytes;

  ByteBudget(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** Takes a part if there is as much left. */
  boolean take(long bytes) {
    if (bytes > limitBytes - takenBytes) {
      return false;
    }
    takenBytes += bytes;
    return true;
  }

  void giveBack(long bytes) {
    takenBytes -= bytes;
  }

  long takenBytes() {
    return takenBytes;
  }
}
