// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.security.SecureRandom;

/**
 * Hashes what a peer has chosen. It depends on a secret of this process, so that nobody can choose
 * values that all collide. Stateless; any thread.
 */
final class SecretHash {
  /** What a hash begins with. */
  static final long START = new SecureRandom().nextLong();

  private SecretHash() {}

  static long add(long hash, long value) {
    long mixed = (hash ^ value) * 0xff51afd7ed558ccdL;
    return mixed ^ (mixed >>> 32);
  }

  static long finish(long hash) {
    long mixed = (hash ^ START) * 0xc4ceb9fe1a85ec53L;
    return mixed ^ (mixed >>> 29);
  }
}
