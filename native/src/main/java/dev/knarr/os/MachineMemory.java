// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * The memory of this machine that its processes may share. All draw on the same memory, so it is
 * counted once. Immutable.
 *
 * @param availableBytes what can be used without swapping, within the limit of a container
 */
public record MachineMemory(long availableBytes) {
  /** Left for the head, llama-server's own buffers and the user's other programs. */
  private static final long RESERVE_BYTES = 512L << 20;

  private static final Path MEMINFO = Path.of("/proc/meminfo");

  /** Of the container; with the second version of control groups. */
  private static final Path STATISTICS = Path.of("/sys/fs/cgroup/memory.stat");

  /** As it is at this moment. */
  public static MachineMemory now() {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return of(
        textOf(MEMINFO),
        textOf(STATISTICS),
        system.getTotalMemorySize(),
        system.getFreeMemorySize());
  }

  private static String textOf(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException _) {
      return ""; // Not Linux, or no control group.
    }
  }

  /**
   * The kernel's own estimate counts caches that it would give up, which the JDK's figure does not;
   * but only the JDK knows the limit of a container. There, too, files that were read count as used
   * until somebody needs the room.
   *
   * @param meminfo text of /proc/meminfo, or empty
   * @param statistics text of the control group's memory.stat, or empty
   * @param totalBytes the JDK's figure, of the container where there is one
   * @param freeBytes the JDK's figure, of the container where there is one
   */
  static MachineMemory of(String meminfo, String statistics, long totalBytes, long freeBytes) {
    var available = kilobytes(meminfo, "MemAvailable");
    var hostTotal = kilobytes(meminfo, "MemTotal");
    boolean limited = totalBytes < hostTotal.orElse(0);
    if (available.isEmpty()) {
      return new MachineMemory(freeBytes);
    }
    return new MachineMemory(
        limited
            ? Math.min(available.getAsLong(), freeBytes + cached(statistics))
            : available.getAsLong());
  }

  /** What each of {@code workers} may hand out. */
  public long shareBytes(int workers) {
    long reserve = Math.min(RESERVE_BYTES, availableBytes / 4);
    return (availableBytes - reserve) / Math.max(1, workers);
  }

  private static long cached(String statistics) {
    return field(statistics, "active_file").orElse(0)
        + field(statistics, "inactive_file").orElse(0);
  }

  private static OptionalLong kilobytes(String meminfo, String name) {
    var value = field(meminfo, name + ":");
    return value.isPresent()
        ? OptionalLong.of(Math.multiplyExact(value.getAsLong(), 1024L))
        : value;
  }

  private static OptionalLong field(String text, String name) {
    var matcher =
        Pattern.compile("^" + name + "\\s+(\\d+)( kB)?$", Pattern.MULTILINE).matcher(text);
    return matcher.find()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }
}
