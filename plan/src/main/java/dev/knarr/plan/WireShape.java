// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/**
 * The numbers of a model that decide what crosses the wire. Immutable.
 *
 * @param embedding elements of an activation
 * @param vocabulary tokens, each of which has a logit
 * @param cells cells of the cache that attention looks at, a multiple of 256
 * @param windowCells the same of layers with a sliding window; 0 when the model has none
 */
public record WireShape(long embedding, long vocabulary, long cells, long windowCells) {
  /** Checks the ranges. */
  public WireShape {
    if (embedding < 1 || vocabulary < 0 || cells < 0 || windowCells < 0) {
      throw new IllegalArgumentException(
          "An activation of %d, a vocabulary of %d and %d and %d cells make no model."
              .formatted(embedding, vocabulary, cells, windowCells));
    }
  }

  /** Bytes of the activation of one token. */
  long activationBytes() {
    return Math.multiplyExact(embedding, 4);
  }

  /** Bytes of the logits of one token. */
  long logitBytes() {
    return Math.multiplyExact(vocabulary, 4);
  }
}
