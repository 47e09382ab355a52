// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The memory this process may use on its host: ggml reports the machine's and knows nothing of
 * control groups. Reads the files under a root directory, {@code /} outside tests; what cannot be
 * read is no limit. Immutable; any thread.
 */
final class HostMemory {
  private final Path root;

  HostMemory(Path root) {
    this.root = root;
  }

  /** The smaller of {@code hostBytes} and every control group limit above this process. */
  long totalBytes(long hostBytes) {
    long total = hostBytes;
    for (Path group : groups()) {
      total =
          Math.min(
              total,
              Math.min(
                  number(group.resolve("memory.max")),
                  number(group.resolve("memory.limit_in_bytes"))));
    }
    return total;
  }

  /**
   * What is still to be had: the kernel's estimate for the host, and what each control group
   * leaves, its reclaimable file cache counted as free.
   */
  long availableBytes(long hostBytes) {
    long available = Math.min(hostBytes, kibibytes(root.resolve("proc/meminfo"), "MemAvailable:"));
    for (Path group : groups()) {
      available =
          Math.min(available, left(group, "memory.max", "memory.current", "inactive_file "));
      available =
          Math.min(
              available,
              left(
                  group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "));
    }
    return available;
  }

  private static long left(Path group, String limitFile, String usageFile, String cacheKey) {
    long limit = number(group.resolve(limitFile));
    long usage = number(group.resolve(usageFile));
    if (limit == Long.MAX_VALUE || usage == Long.MAX_VALUE) {
      return Long.MAX_VALUE;
    }
    long cache = field(group.resolve("memory.stat"), cacheKey);
    return Math.max(0, limit - Math.max(0, usage - (cache == Long.MAX_VALUE ? 0 : cache)));
  }

  /**
   * The process's own group and all above it, of version 2 and of version 1's memory controller.
   * Inside a container the paths of its host may not exist.
   */
  private List<Path> groups() {
    Path mount = root.resolve("sys/fs/cgroup");
    return lines(root.resolve("proc/self/cgroup")).stream()
        .map(line -> line.split(":", 3))
        .filter(
            parts ->
                parts.length == 3
                    && (parts[1].isEmpty() || List.of(parts[1].split(",")).contains("memory")))
        .flatMap(
            parts -> {
              Path top = parts[1].isEmpty() ? mount : mount.resolve("memory");
              Path leaf = top.resolve(parts[2].substring(1)).normalize();
              return Stream.iterate(
                  leaf, path -> path != null && path.startsWith(top), Path::getParent);
            })
        .toList();
  }

  private static long kibibytes(Path file, String key) {
    long value = field(file, key);
    return value == Long.MAX_VALUE ? value : value * 1024;
  }

  private static long field(Path file, String key) {
    return lines(file).stream()
        .filter(line -> line.startsWith(key))
        .findFirst()
        .map(line -> parse(line.substring(key.length()).strip().split(" ", 2)[0]))
        .orElse(Long.MAX_VALUE);
  }

  private static long number(Path file) {
    return lines(file).stream().findFirst().map(line -> parse(line.strip())).orElse(Long.MAX_VALUE);
  }

  private static long parse(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException _) {
      return Long.MAX_VALUE; // "max", or version 1's "no limit" of more digits than fit
    }
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException _) {
      return List.of();
    }
  }
}
