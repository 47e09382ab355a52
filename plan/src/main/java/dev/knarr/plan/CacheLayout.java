// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.Map;
import java.util.Set;

/**
 * What llama.cpp 0.7.0 keeps per layer for its context: attention cache (whole or sliding window),
 * recurrent state, or both. What a layer has is seen in its tensors, so that architectures that are
 * not known here are counted too; windows are trusted only where llama.cpp is known to use them.
 * Immutable.
 */
final class CacheLayout {
  /** Cells are handed out in steps of this many. */
  static final long CELL_STEP = 256;

  /** Tokens llama.cpp computes at once by default (n_ubatch). */
  static final long BATCH = 512;

  private static final long F32_BYTES = 4;

  /** Every n-th layer sees everything; llama.cpp sets these where the header has no pattern. */
  private static final Map<String, Integer> WINDOW_PERIODS =
      Map.ofEntries(
          Map.entry("gemma2", 2),
          Map.entry("gemma3", 6),
          Map.entry("gemma3n", 5),
          Map.entry("gpt-oss", 2),
          Map.entry("cohere2", 4),
          Map.entry("exaone4", 4),
          Map.entry("exaone-moe", 4),
          Map.entry("olmo2", 4),
          Map.entry("afmoe", 4),
          Map.entry("plamo3", 8),
          Map.entry("llama4", 4));

  /** Windows that apply by a pattern which is always in the header. */
  private static final Set<String> WINDOW_BY_HEADER =
      Set.of("gemma4", "mimo2", "step35", "smallthinker");

  /** These compute whole texts at once and keep nothing. */
  private static final Set<String> WITHOUT_CACHE = Set.of("dream", "llada", "llada-moe", "rnd1");

  private final ModelShape shape;
  private final ContextOptions options;
  private final long cells;
  private final long windowCells;

  CacheLayout(ModelShape shape, ContextOptions options) {
    this.shape = shape;
    this.options = options;
    long perSequence =
        options.contextLength() == 0
            ? Math.max(shape.trainedContext(), CELL_STEP)
            : options.contextLength();
    long sequences = options.parallelSequences();
    // llama_context: the whole context is rounded first, then the share of each sequence.
    this.cells = pad(pad(perSequence * sequences) / sequences);
    this.windowCells =
        options.wholeWindow()
            ? cells
            : pad(
                Math.min(cells, shape.slidingWindow() + Math.min(BATCH, perSequence * sequences)));
  }

  private static long pad(long value) {
    return Math.ceilDiv(value, CELL_STEP) * CELL_STEP;
  }

  /** Cells of one sequence where a layer sees everything. */
  long cells() {
    return cells;
  }

  /** Cells of one sequence in layers with a sliding window; 0 when the model has none. */
  long windowCells() {
    for (int i = 0; i < shape.layers(); i++) {
      if (windowed(i)) {
        return windowCells;
      }
    }
    return 0;
  }

  /** Bytes layer {@code layer} keeps for all sequences. */
  long bytes(int layer) {
    if (layer >= shape.layers() - shape.nextLayers()) {
      return 0;
    }
    long bytes = 0;
    if (shape.attention(layer)
        && !WITHOUT_CACHE.contains(shape.architecture())
        && layer < shape.layers() - shape.sharedCacheLayers()) {
      bytes += attentionBytes(layer);
    }
    if (shape.recurrent(layer)) {
      bytes += recurrentBytes();
    }
    return bytes;
  }

  private long attentionBytes(int layer) {
    boolean window = windowed(layer);
    long heads = shape.keyValueHeads(layer);
    long row = options.keyGgmlType().rowBytes(shape.keyLength(window) * heads);
    if (!shape.latentAttention()) {
      row += options.valueGgmlType().rowBytes(shape.valueLength(window) * heads);
    }
    if (shape.indexer(layer)) {
      long keys = shape.latentAttention() ? 1 : heads;
      row += options.keyGgmlType().rowBytes(shape.indexerKeyLength() * keys);
    }
    return Math.multiplyExact(row, (window ? windowCells : cells) * options.parallelSequences());
  }

  private long recurrentBytes() {
    return Math.multiplyExact(
        convolutionState() + recurrentState(), F32_BYTES * options.parallelSequences());
  }

  private long convolutionState() {
    if (shape.number("wkv.head_size", 0) > 0) {
      return shape.number("token_shift_count", 2) * shape.embedding();
    }
    long shortConvolution = shape.number("shortconv.l_cache", 0);
    if (shortConvolution > 0) {
      return shape.embedding() * (shortConvolution - 1);
    }
    long kernel = Math.max(0, shape.number("ssm.conv_kernel", 0) - 1);
    long kdaHead = shape.number("kda.head_dim", 0);
    if (kdaHead > 0) {
      return 3 * kernel * shape.maxHeads() * kdaHead;
    }
    return kernel
        * (shape.number("ssm.inner_size", 0)
            + 2 * shape.number("ssm.group_count", 0) * shape.number("ssm.state_size", 0));
  }

  private long recurrentState() {
    long headSize = shape.number("wkv.head_size", 0);
    if (headSize > 0) {
      return shape.embedding() * headSize;
    }
    if (shape.number("shortconv.l_cache", 0) > 0) {
      return 0;
    }
    long kdaHead = shape.number("kda.head_dim", 0);
    if (kdaHead > 0) {
      return kdaHead * kdaHead * shape.maxHeads();
    }
    long stateSize = shape.number("ssm.state_size", 0);
    return stateSize > 0
        ? stateSize * shape.number("ssm.inner_size", 0)
        : shape.maxHeads() * shape.keyLength(false) * shape.valueLength(false);
  }

  private boolean windowed(int layer) {
    // Of the exaone4 models only the one with 64 layers has windows, whatever the header says.
    if (shape.slidingWindow() == 0
        || (shape.architecture().equals("exaone4") && shape.layers() != 64)) {
      return false;
    }
    var pattern = shape.slidingPattern();
    if (pattern.size() > 1) {
      return layer < pattern.size() && pattern.get(layer) != 0;
    }
    var period = WINDOW_PERIODS.get(shape.architecture());
    if (period == null && !WINDOW_BY_HEADER.contains(shape.architecture())) {
      return false;
    }
    long every = pattern.isEmpty() ? (period == null ? 1 : period) : pattern.getFirst();
    if (shape.architecture().equals("smallthinker")) {
      return every > 0 && layer % every != 0;
    }
    return every == 0 || layer % every < every - 1;
  }
}
