// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * The memory of this machine that workers may share. All workers here draw on the same memory, so
 * it is counted once. Immutable.
 *
 * @param availableBytes what can be used without swapping, within the limit of a container
 */
public record MachineMemory(long availableBytes) {
  /** Left for the head, llama-server's own buffers and the user's other programs. */
  private static final long RESERVE_BYTES = 512L << 20;

  private static final Path MEMINFO = Path.of("/proc/meminfo");

  /** As it is at this moment. */
  public static MachineMemory now() {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    String meminfo;
    try {
      meminfo = Files.readString(MEMINFO);
    } catch (IOException e) {
      meminfo = ""; // Not Linux.
    }
    return of(meminfo, system.getTotalMemorySize(), system.getFreeMemorySize());
  }

  /**
   * The kernel's own estimate counts caches that it would give up, which the JDK's figure does not;
   * but only the JDK knows the limit of a container.
   *
   * @param meminfo text of /proc/meminfo, or empty
   * @param totalBytes the JDK's figure, of the container where there is one
   * @param freeBytes the JDK's figure, of the container where there is one
   */
  static MachineMemory of(String meminfo, long totalBytes, long freeBytes) {
    var available = field(meminfo, "MemAvailable");
    var hostTotal = field(meminfo, "MemTotal");
    boolean limited = totalBytes < hostTotal.orElse(0);
    if (available.isEmpty()) {
      return new MachineMemory(freeBytes);
    }
    return new MachineMemory(
        limited ? Math.min(available.getAsLong(), freeBytes) : available.getAsLong());
  }

  /** What each of {@code workers} may hand out. */
  public long shareBytes(int workers) {
    long reserve = Math.min(RESERVE_BYTES, availableBytes / 4);
    return (availableBytes - reserve) / Math.max(1, workers);
  }

  private static OptionalLong field(String meminfo, String name) {
    var matcher =
        Pattern.compile("^" + name + ":\\s+(\\d+) kB$", Pattern.MULTILINE).matcher(meminfo);
    return matcher.find()
        ? OptionalLong.of(Math.multiplyExact(Long.parseLong(matcher.group(1)), 1024L))
        : OptionalLong.empty();
  }
}
