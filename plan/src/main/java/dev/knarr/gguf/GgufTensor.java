// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.util.List;

/**
 * One tensor of the table. Immutable.
 *
 * @param name such as {@code blk.0.attn_q.weight}
 * @param type its type
 * @param shape one to four numbers; {@code shape[0]} is the length of a row
 * @param part index into {@link GgufFile#parts()}
 * @param offset where its data begins, in bytes from the start of that part
 * @param bytes how long its data is
 */
public record GgufTensor(
    String name, GgmlType type, List<Long> shape, int part, long offset, long bytes) {
  /** Copies the shape. */
  public GgufTensor {
    shape = List.copyOf(shape);
  }
}
