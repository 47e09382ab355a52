// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

/** How long to wait before what failed is tried again: longer each time. One thread. */
final class RetryPause {

  static final Duration FIRST = Duration.ofSeconds(5);
  static final Duration LONGEST = Duration.ofMinutes(5);

  /** What lasted for so long has served: its end is another trouble. */
  static final Duration SERVED = Duration.ofMinutes(10);

  /** After a first time that is forgiven. */
  static final Duration SECOND = Duration.ofSeconds(1);

  private final Clock clock;
  private final Duration first;
  private Instant begin;
  private Duration next;

  /** For a head that gave up. The first attempt begins now. */
  RetryPause(Clock clock) {
    this(clock, FIRST);
  }

  private RetryPause(Clock clock, Duration first) {
    this.clock = clock;
    this.first = first;
    this.next = first;
    this.begin = clock.instant();
  }

  /** For workers that come and go: the first time costs no pause. */
  static RetryPause ofWorkers(Clock clock) {
    return new RetryPause(clock, Duration.ZERO);
  }

  /** Notes that an attempt failed; returns the pause until the next one, which begins after it. */
  Duration failed() {
    Instant now = clock.instant();
    if (Duration.between(begin, now).compareTo(SERVED) >= 0) {
      next = first;
    }
    Duration pause = next;
    begin = now.plus(pause);
    Duration twice = pause.isZero() ? SECOND : pause.multipliedBy(2);
    next = twice.compareTo(LONGEST) < 0 ? twice : LONGEST;
    return pause;
  }
}
