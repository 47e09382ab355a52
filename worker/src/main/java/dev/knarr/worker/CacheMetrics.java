// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.worker.cache.CacheDrop;
import dev.knarr.worker.cache.CacheEvents;
import dev.knarr.worker.cache.CacheFault;
import dev.knarr.worker.cache.CacheTier;
import dev.knarr.worker.cache.TensorCache;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/** The meters of the tensor cache; their tags come from enums. Any thread may call. */
public final class CacheMetrics implements CacheEvents {
  /** Tensors found by their hash. */
  public static final String CACHE_HITS = "knarr.worker.cache.hits";

  /** Bytes of tensors found by their hash, which did not cross the wire. */
  public static final String CACHE_HIT_BYTES = "knarr.worker.cache.hit.bytes";

  /** Tensors not found by their hash. */
  public static final String CACHE_MISSES = "knarr.worker.cache.misses";

  /** Bytes of tensors not found by their hash. */
  public static final String CACHE_MISS_BYTES = "knarr.worker.cache.miss.bytes";

  /** Cached or seeded data that was not used because something is wrong with it. */
  public static final String CACHE_REJECTED = "knarr.worker.cache.rejected";

  /** Tensors stored in the cache folder. */
  public static final String CACHE_STORED = "knarr.worker.cache.stored";

  /** Bytes of tensors stored in the cache folder. */
  public static final String CACHE_STORED_BYTES = "knarr.worker.cache.stored.bytes";

  /** Tensors that arrived and were not stored. */
  public static final String CACHE_DROPPED = "knarr.worker.cache.dropped";

  /** Tensors evicted from the cache folder by this worker. */
  public static final String CACHE_EVICTED = "knarr.worker.cache.evicted";

  /** Bytes evicted from the cache folder by this worker. */
  public static final String CACHE_EVICTED_BYTES = "knarr.worker.cache.evicted.bytes";

  /** Bytes in the cache folder. */
  public static final String CACHE_SIZE = "knarr.worker.cache.size";

  /** The most bytes in the cache folder. */
  public static final String CACHE_BUDGET = "knarr.worker.cache.budget";

  /** How much of the seed files can be found. */
  public static final String SEED_PROGRESS = "knarr.worker.cache.seed.progress";

  private final MeterRegistry registry;
  private final Map<CacheTier, Counted> cacheHits = new EnumMap<>(CacheTier.class);
  private final Map<CacheFault, Counter> cacheRejected = new EnumMap<>(CacheFault.class);
  private final Map<CacheDrop, Counter> cacheDropped = new EnumMap<>(CacheDrop.class);
  private final Counted cacheMisses;
  private final Counted cacheStored;
  private final Counted cacheEvicted;

  /** A number of tensors and their bytes. */
  private record Counted(Counter tensors, Counter bytes) {
    void add(long more) {
      tensors.increment();
      bytes.increment((double) more);
    }
  }

  public CacheMetrics(MeterRegistry registry) {
    this.registry = registry;
    for (var tier : CacheTier.values()) {
      cacheHits.put(
          tier,
          counted(
              CACHE_HITS,
              CACHE_HIT_BYTES,
              "tensors found by their hash",
              "tier",
              tier.metricName()));
    }
    for (var fault : CacheFault.values()) {
      cacheRejected.put(
          fault,
          reasons(CACHE_REJECTED, "Cached or seeded data that was not used", fault.metricName()));
    }
    for (var drop : CacheDrop.values()) {
      cacheDropped.put(
          drop,
          reasons(CACHE_DROPPED, "Tensors that arrived and were not stored", drop.metricName()));
    }
    cacheMisses = counted(CACHE_MISSES, CACHE_MISS_BYTES, "tensors not found by their hash");
    cacheStored = counted(CACHE_STORED, CACHE_STORED_BYTES, "tensors stored");
    cacheEvicted = counted(CACHE_EVICTED, CACHE_EVICTED_BYTES, "tensors evicted");
  }

  private Counted counted(String tensors, String bytes, String what, String... tags) {
    return new Counted(
        Counter.builder(tensors).description("Number of " + what).tags(tags).register(registry),
        Counter.builder(bytes)
            .description("Bytes of " + what)
            .baseUnit("bytes")
            .tags(tags)
            .register(registry));
  }

  private Counter reasons(String name, String description, String reason) {
    return Counter.builder(name).description(description).tag("reason", reason).register(registry);
  }

  /** Registers the meters of the tensor cache. */
  public void register(TensorCache cache) {
    Gauge.builder(CACHE_SIZE, cache, TensorCache::usedBytes)
        .description("Bytes in the cache folder")
        .baseUnit("bytes")
        .register(registry);
    Gauge.builder(CACHE_BUDGET, cache, TensorCache::budgetBytes)
        .description("The most bytes in the cache folder")
        .baseUnit("bytes")
        .register(registry);
    Gauge.builder(SEED_PROGRESS, cache, TensorCache::seedProgress)
        .description("How much of the seed files can be found")
        .register(registry);
  }

  @Override
  public void cacheHit(CacheTier tier, long bytes) {
    Objects.requireNonNull(cacheHits.get(tier)).add(bytes);
  }

  @Override
  public void cacheMissed(long bytes) {
    cacheMisses.add(bytes);
  }

  @Override
  public void cacheRejected(CacheFault fault) {
    Objects.requireNonNull(cacheRejected.get(fault)).increment();
  }

  @Override
  public void cacheStored(long bytes) {
    cacheStored.add(bytes);
  }

  @Override
  public void cacheDropped(CacheDrop reason) {
    Objects.requireNonNull(cacheDropped.get(reason)).increment();
  }

  @Override
  public void cacheEvicted(long bytes) {
    cacheEvicted.add(bytes);
  }
}
