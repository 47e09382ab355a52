// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import org.jspecify.annotations.Nullable;

/**
 * Something that keeps the head from serving. The message says what failed, where and what to do,
 * and is shown to the user as it is. Immutable.
 */
public final class HeadException extends RuntimeException {

  private final HeadReason reason;

  /** An exception with a reason and the sentence to show. */
  public HeadException(HeadReason reason, String sentence) {
    this(reason, sentence, null);
  }

  /** An exception with a reason, the sentence to show, and what caused it. */
  public HeadException(HeadReason reason, String sentence, @Nullable Throwable cause) {
    super(sentence, cause);
    this.reason = reason;
  }

  /** Returns the reason, as status and metrics name it. */
  public HeadReason reason() {
    return reason;
  }

  /** Returns the sentence to show. */
  public String sentence() {
    return String.valueOf(getMessage());
  }
}
