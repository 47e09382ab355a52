// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

/**
 * What a client's data is known by. Immutable.
 *
 * @param hash FNV-1a of the data ({@link dev.knarr.rpc.Fnv1a})
 * @param bytes its length; not part of the request, but what its tensor holds from the offset on
 */
record TensorKey(long hash, long bytes) {
  @Override
  public String toString() {
    return "%016x-%d".formatted(hash, bytes);
  }
}
