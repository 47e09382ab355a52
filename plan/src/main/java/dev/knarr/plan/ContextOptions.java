// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import dev.knarr.gguf.GgmlType;

/**
 * What the memory of a model's context depends on. Immutable.
 *
 * @param contextLength tokens of one sequence; 0 takes the length the model was trained for
 * @param parallelSequences sequences at the same time, 1 to 256
 * @param keyType type of the key cache as llama-server spells it: {@code f16}, {@code q8_0}, …
 * @param valueType type of the value cache
 * @param flashAttention the attention kernel
 * @param wholeWindow whether layers with a sliding window keep the whole context ({@code
 *     --swa-full}) and not what they look at only
 */
public record ContextOptions(
    int contextLength,
    int parallelSequences,
    String keyType,
    String valueType,
    FlashAttention flashAttention,
    boolean wholeWindow) {
  /** What llama-server uses when nothing else is said, with one sequence. */
  public static final ContextOptions DEFAULTS =
      new ContextOptions(0, 1, "f16", "f16", FlashAttention.AUTO);

  /** With sliding windows as llama.cpp keeps them by itself. */
  public ContextOptions(
      int contextLength,
      int parallelSequences,
      String keyType,
      String valueType,
      FlashAttention flashAttention) {
    this(contextLength, parallelSequences, keyType, valueType, flashAttention, false);
  }

  /** Checks ranges and types. */
  public ContextOptions {
    if (contextLength < 0) {
      throw new IllegalArgumentException(
          "A context of %,d tokens is not possible. Give 0 or more.".formatted(contextLength));
    }
    if (parallelSequences < 1 || parallelSequences > 256) {
      throw new IllegalArgumentException(
          "%,d parallel sequences are not possible. Give 1 to 256.".formatted(parallelSequences));
    }
    type(keyType);
    type(valueType);
  }

  private static GgmlType type(String name) {
    return GgmlType.ofName(name)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "There is no cache type '%s'. Use f16, bf16, q8_0, q4_0 or another type of llama-server."
                        .formatted(name)));
  }

  GgmlType keyGgmlType() {
    return type(keyType);
  }

  GgmlType valueGgmlType() {
    return type(valueType);
  }

  /** The same with another context length. */
  public ContextOptions withContextLength(int tokens) {
    return new ContextOptions(
        tokens, parallelSequences, keyType, valueType, flashAttention, wholeWindow);
  }

  /** The same with another number of sequences. */
  public ContextOptions withParallelSequences(int sequences) {
    return new ContextOptions(
        contextLength, sequences, keyType, valueType, flashAttention, wholeWindow);
  }

  /** The same with other cache types. */
  public ContextOptions withCacheTypes(String key, String value) {
    return new ContextOptions(
        contextLength, parallelSequences, key, value, flashAttention, wholeWindow);
  }

  /** The same with sliding windows kept another way. */
  public ContextOptions withWholeWindow(boolean whole) {
    return new ContextOptions(
        contextLength, parallelSequences, keyType, valueType, flashAttention, whole);
  }
}
