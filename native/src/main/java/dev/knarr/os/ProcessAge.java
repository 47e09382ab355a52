// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How long this process has existed, counted by the kernel: with the time before the JVM, and with
 * that of a launcher script that became it by {@code exec}. Any thread.
 */
public final class ProcessAge {
  /** Linux tells user programs of hundredths of a second, whatever its own clock (proc(5)). */
  private static final int TICKS_PER_SECOND = 100;

  private static final int START_TIME = 22;

  private ProcessAge() {}

  /**
   * The age to a hundredth of a second, or nothing where there is no {@code /proc}. {@link
   * ProcessHandle.Info#startInstant} is up to a second off: it adds to the boot time in whole
   * seconds.
   */
  public static Optional<Duration> now() {
    try {
      var stat = Files.readString(Path.of("/proc/self/stat"));
      // The second field is the program's name in parentheses, which may hold anything.
      var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      long startTicks = Long.parseLong(fields[START_TIME - 3]);
      var uptime = Files.readString(Path.of("/proc/uptime")).split(" ", -1)[0];
      long nowTicks = Math.round(Double.parseDouble(uptime) * TICKS_PER_SECOND);
      return Optional.of(Duration.ofMillis((nowTicks - startTicks) * 1000 / TICKS_PER_SECOND));
    } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
      return Optional.empty();
    }
  }
}
