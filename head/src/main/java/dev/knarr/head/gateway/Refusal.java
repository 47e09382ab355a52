// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import java.io.Serial;

/** Why a request is answered by the gateway itself: a status of HTTP and a sentence. */
final class Refusal extends Exception {

  @Serial private static final long serialVersionUID = 1L;

  private final Why why;

  /** The kinds, with what a client is told. */
  enum Why {
    /** llama-server does not serve yet, or not any more, and the time to wait is over. */
    WAITED_IN_VAIN("timeout", 503),
    /** Too many requests wait, or are worked on. */
    FULL("full", 503),
    /** The head is about to end. */
    DRAINING("draining", 503),
    /** What reads a state is told at once that there is none. */
    NOT_READY("not_ready", 503),
    /** The head has given up for now. */
    FAILED("failed", 503),
    /** llama-server ended in the middle of it, and it could not be run again. */
    CUT("cut", 502);

    private final String tag;
    private final int status;

    Why(String tag, int status) {
      this.tag = tag;
      this.status = status;
    }

    String tag() {
      return tag;
    }

    int status() {
      return status;
    }

    /** Whether it may help to ask again. */
    boolean mayPass() {
      return this != CUT;
    }
  }

  Refusal(Why why, String sentence) {
    super(sentence, null, false, false);
    this.why = why;
  }

  Why why() {
    return why;
  }

  String sentence() {
    return String.valueOf(getMessage());
  }
}
