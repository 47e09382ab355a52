// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/**
 * The compute buffer of a device, estimated upwards. llama.cpp finds the real size by laying out
 * the graph of its largest batch; the terms here were told apart by comparing the logged sizes of
 * six models with real shapes in several contexts, and of one tiny model of each architecture, over
 * stock workers (llama.cpp 0.7.0): inputs in four copies, attention masks, and the widest moment of
 * one layer. Immutable.
 */
final class ComputeEstimate {
  private static final long F32_BYTES = 4;
  private static final long F16_BYTES = 2;

  /** GGML_SCHED_MAX_COPIES: inputs are copied this often when several devices form a pipeline. */
  private static final long PIPELINE_COPIES = 4;

  /** What the first device held beyond the others, in vectors of the embedding per token. */
  private static final long FIRST_DEVICE_VECTORS = 9;

  /** Scores, their order and masks of the attention that picks tokens by an indexer first. */
  private static final long INDEXER_ROWS = 12;

  /** Small inputs (positions, indices) and alignment; measured under 0.1 MiB. */
  private static final long SMALL_BYTES = 1L << 20;

  private final ModelShape shape;
  private final CacheLayout cache;
  private final ContextOptions options;
  private final long tokens;

  ComputeEstimate(ModelShape shape, CacheLayout cache, ContextOptions options) {
    this.shape = shape;
    this.cache = cache;
    this.options = options;
    this.tokens = Math.min(CacheLayout.BATCH, cache.cells() * options.parallelSequences());
  }

  long bytes(boolean first, boolean output, int devices) {
    long copies = devices > 1 ? PIPELINE_COPIES : 1;
    long vector = shape.embedding() * tokens * F32_BYTES;
    long bytes = SMALL_BYTES + copies * (vector + masks()) + widestMoment() + scores();
    if (first) {
      bytes += FIRST_DEVICE_VECTORS * vector;
    }
    if (output) {
      bytes += shape.vocabulary() * options.parallelSequences() * F32_BYTES;
    }
    return bytes;
  }

  /** Of a device with the output alone; 0.01 MiB with one sequence and 0.2 with 16 were seen. */
  long outputBytes() {
    long row = shape.vocabulary() + (PIPELINE_COPIES + 2) * shape.embedding();
    return SMALL_BYTES + options.parallelSequences() * row * F32_BYTES;
  }

  private long masks() {
    long element = fusedAttention() ? F16_BYTES : F32_BYTES;
    return (cache.cells() + cache.windowCells()) * tokens * element;
  }

  /** llama.cpp leaves the fused kernel off for grok, whose scores are capped. */
  private boolean fusedAttention() {
    return options.flashAttention() != FlashAttention.OFF && !shape.architecture().equals("grok");
  }

  /** The scores of all heads, which only the fused kernel need not write down. */
  private long scores() {
    long row = cache.cells() * tokens * F32_BYTES;
    long scores = fusedAttention() ? 0 : Math.multiplyExact(shape.maxHeads(), row);
    return scores + (shape.indexerKeyLength() > 0 ? INDEXER_ROWS * row : 0);
  }

  private long widestMoment() {
    long queries = shape.maxHeads() * shape.keyLength(false);
    long rows = 5 * Math.max(shape.embedding(), queries);
    long feedForward = 3 * shape.feedForward();
    if (shape.expertsUsed() > 0) {
      feedForward =
          Math.max(
              feedForward,
              shape.expertsUsed() * (shape.embedding() + 2 * shape.expertFeedForward()));
    }
    long recurrent =
        7 * shape.number("ssm.inner_size", 0)
            + 4 * shape.number("ssm.group_count", 0) * shape.number("ssm.state_size", 0);
    long bytes = (rows + Math.max(feedForward, recurrent)) * tokens * F32_BYTES;
    return bytes + bytes / 12; // holes between tensors; up to 6 % was seen
  }
}
