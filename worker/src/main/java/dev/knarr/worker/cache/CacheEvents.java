// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

/** What the tensor cache tells those who watch it. Called by any thread. */
public interface CacheEvents {
  /** Data was found and written; so many bytes did not cross the wire. */
  void cacheHit(CacheTier tier, long bytes);

  /** Data was asked for and not found. */
  void cacheMissed(long bytes);

  /** Data that seemed to be there was not used. */
  void cacheRejected(CacheFault fault);

  /** Weights were stored. */
  void cacheStored(long bytes);

  /** Weights that arrived were not kept. */
  void cacheDropped(CacheDrop reason);

  /** So many bytes made room for others. */
  void cacheEvicted(long bytes);
}
