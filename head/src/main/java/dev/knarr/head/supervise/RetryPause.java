// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

/** How long a head that gave up waits before it tries again: longer each time. One thread. */
final class RetryPause {

  static final Duration FIRST = Duration.ofSeconds(5);
  static final Duration LONGEST = Duration.ofMinutes(5);

  /** What lasted for so long has served: its end is another trouble. */
  static final Duration SERVED = Duration.ofMinutes(10);

  private final Clock clock;
  private Instant begin;
  private Duration next = FIRST;

  /** The first attempt begins now. */
  RetryPause(Clock clock) {
    this.clock = clock;
    this.begin = clock.instant();
  }

  /** Notes that an attempt failed; returns the pause until the next one, which begins after it. */
  Duration failed() {
    Instant now = clock.instant();
    if (Duration.between(begin, now).compareTo(SERVED) >= 0) {
      next = FIRST;
    }
    Duration pause = next;
    begin = now.plus(pause);
    Duration twice = pause.multipliedBy(2);
    next = twice.compareTo(LONGEST) < 0 ? twice : LONGEST;
    return pause;
  }
}
