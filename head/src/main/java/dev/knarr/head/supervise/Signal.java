// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadReason;
import java.io.Serial;

/**
 * What ends a run of llama-server that nobody asked to end; the supervisor decides what is next.
 */
abstract sealed class Signal extends Exception {

  @Serial private static final long serialVersionUID = 1L;

  private Signal(String sentence) {
    super(sentence);
  }

  String sentence() {
    return String.valueOf(getMessage());
  }

  /** Why, in the words of {@code /status}. */
  abstract HeadReason reason();

  /** A worker that was in use is lost. */
  static final class WorkerLost extends Signal {
    @Serial private static final long serialVersionUID = 1L;

    private final boolean silent;

    WorkerLost(Workers.Loss loss) {
      super(loss.sentence());
      this.silent = loss.silent();
    }

    @Override
    HeadReason reason() {
      return HeadReason.WORKER_LOST;
    }

    /** Whether it has stopped to answer; otherwise a connection broke. */
    boolean isSilent() {
      return silent;
    }
  }

  /** A worker that the plan does without is back. */
  static final class WorkerBack extends Signal {
    @Serial private static final long serialVersionUID = 1L;

    WorkerBack(String sentence) {
      super(sentence);
    }

    @Override
    HeadReason reason() {
      return HeadReason.REDUCED_PLAN;
    }
  }

  /** llama-server ended by itself. */
  static final class ServerEnded extends Signal {
    @Serial private static final long serialVersionUID = 1L;

    ServerEnded(String sentence) {
      super(sentence);
    }

    @Override
    HeadReason reason() {
      return HeadReason.LLAMA_SERVER_ENDED;
    }
  }

  /** llama-server was ended because it made no progress. */
  static final class ServerStalled extends Signal {
    @Serial private static final long serialVersionUID = 1L;

    ServerStalled(String sentence) {
      super(sentence);
    }

    @Override
    HeadReason reason() {
      return HeadReason.LLAMA_SERVER_STALLED;
    }
  }
}
