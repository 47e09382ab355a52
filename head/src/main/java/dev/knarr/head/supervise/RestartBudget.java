// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** How often llama-server may fail in a short time, and how long to pause. One thread. */
final class RestartBudget {

  /** At the third failure within the window the head gives up. */
  static final int FAILURES = 3;

  static final Duration WINDOW = Duration.ofMinutes(5);
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);

  private final Clock clock;
  private final Deque<Instant> failures = new ArrayDeque<>();

  RestartBudget(Clock clock) {
    this.clock = clock;
  }

  /** Notes a failure; returns the pause before the next start, or nothing when it is enough. */
  Optional<Duration> failed() {
    Instant now = clock.instant();
    while (!failures.isEmpty() && failures.peekFirst().isBefore(now.minus(WINDOW))) {
      failures.removeFirst();
    }
    failures.addLast(now);
    if (failures.size() >= FAILURES) {
      return Optional.empty();
    }
    return Optional.of(FIRST_PAUSE.multipliedBy(1L << (failures.size() - 1)));
  }
}
