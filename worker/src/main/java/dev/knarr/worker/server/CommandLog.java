// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.RpcCommand;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * A line for each command of chosen connections, switched on and off while they are served. It ends
 * by itself, and writes so many lines a second at most. Any thread.
 */
public final class CommandLog {
  /** The longest time for which it can be switched on at once. */
  public static final Duration LONGEST = Duration.ofHours(1);

  /** A small model with a client nearby sends some thousand commands a second. */
  static final int LINES_PER_SECOND = 1000;

  private static final Logger LOG = LoggerFactory.getLogger(CommandLog.class);

  private final LongSupplier nanoTime;
  // Connections look at it before each command; it is replaced, never changed.
  private volatile List<Watch> watches = List.of();
  private long secondBeganNanos;
  private int lines;
  private long leftOut;

  /**
   * Whose commands are logged.
   *
   * @param connection the number of one connection, as in the log; empty for any
   * @param peer the address of a client; empty for any
   */
  public record Scope(OptionalInt connection, Optional<InetAddress> peer) {
    private boolean covers(int number, InetAddress address) {
      return (connection.isEmpty() || connection.getAsInt() == number)
          && (peer.isEmpty() || peer.get().equals(address));
    }

    @Override
    public String toString() {
      var of = connection.isEmpty() ? "every connection" : "connection " + connection.getAsInt();
      return of + peer.map(address -> " from " + address.getHostAddress()).orElse("");
    }
  }

  private record Watch(Scope scope, long endNanos) {}

  CommandLog() {
    this(System::nanoTime);
  }

  CommandLog(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.secondBeganNanos = nanoTime.getAsLong();
  }

  /**
   * Switches it on for a while; what was on before for the same scope is replaced.
   *
   * @throws IllegalArgumentException if the time is not between a second and {@link #LONGEST}
   */
  public synchronized void switchOn(Scope scope, Duration time) {
    if (time.compareTo(Duration.ofSeconds(1)) < 0 || time.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "A command log of %d s is not possible: 1 to %d"
              .formatted(time.toSeconds(), LONGEST.toSeconds()));
    }
    var watch = new Watch(scope, nanoTime.getAsLong() + time.toNanos());
    watches =
        Stream.concat(
                watches.stream().filter(other -> !other.scope.equals(scope)), Stream.of(watch))
            .toList();
    LOG.info("Commands of {} are logged for {} s", scope, time.toSeconds());
  }

  /** Switches it off for everybody. */
  public synchronized void switchOff() {
    watches.forEach(watch -> end(watch, "switched off"));
    watches = List.of();
  }

  /** Ends what has lasted its time. */
  synchronized void expire() {
    long now = nanoTime.getAsLong();
    watches.stream().filter(watch -> over(watch, now)).forEach(watch -> end(watch, "over"));
    watches = watches.stream().filter(watch -> !over(watch, now)).toList();
  }

  private static boolean over(Watch watch, long now) {
    return now - watch.endNanos >= 0;
  }

  private void end(Watch watch, String why) {
    LOG.info("The log of commands of {} is {}; {} lines were left out", watch.scope, why, leftOut);
    leftOut = 0;
  }

  /** Whether it is on for anybody: all that a command costs when it is not. */
  boolean isOn() {
    return !watches.isEmpty();
  }

  /** Whether the next command of this connection is to be written. */
  synchronized boolean take(int connection, InetAddress peer) {
    long now = nanoTime.getAsLong();
    if (watches.stream()
        .noneMatch(watch -> !over(watch, now) && watch.scope.covers(connection, peer))) {
      return false;
    }
    if (now - secondBeganNanos >= TimeUnit.SECONDS.toNanos(1)) {
      secondBeganNanos = now;
      lines = 0;
    }
    if (lines >= LINES_PER_SECOND) {
      leftOut++;
      return false;
    }
    lines++;
    return true;
  }

  /** Writes the line of a command that {@link #take} has let through. */
  static void write(
      int connection, Object peer, RpcCommand command, String details, long nanos, String result) {
    try (var _ = MDC.putCloseable("command", command.toString())) {
      LOG.info(
          "conn={} peer={} command={}{} micros={} result={}",
          connection,
          peer,
          command,
          details,
          TimeUnit.NANOSECONDS.toMicros(nanos),
          result);
    }
  }
}
