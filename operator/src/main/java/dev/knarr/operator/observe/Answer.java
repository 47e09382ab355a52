// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

/** What came of asking a pod for its status. Immutable. */
public sealed interface Answer {
  /** The head of this pod spoke. */
  record OfHead(HeadAnswer head) implements Answer {}

  /** The fetch of this pod spoke. */
  record OfFetch(FetchAnswer fetch) implements Answer {}

  /**
   * No answer that counts.
   *
   * @param sentence which pod, where, and what came instead
   * @param everAnswered whether the pod has answered before
   */
  record Silence(String sentence, boolean everAnswered) implements Answer {}
}
