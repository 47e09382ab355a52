// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalDouble;
import java.util.regex.Pattern;

/** Tells how much processor time a process has used, all its threads together. Any thread. */
@FunctionalInterface
interface CpuClock {
  /** Seconds since the process began; empty where it cannot be known. */
  OptionalDouble seconds();

  /** For a process that nobody can look at. */
  CpuClock UNKNOWN = OptionalDouble::empty;

  /** By the kernel's account, in steps of 10 ms: proc_pid_stat(5), where USER_HZ is 100. */
  static CpuClock ofProcess(long pid) {
    var file = Path.of("/proc", Long.toString(pid), "stat");
    return () -> {
      try {
        return OptionalDouble.of(ticks(Files.readString(file)) / 100.0);
      } catch (IOException e) {
        return OptionalDouble.empty();
      }
    };
  }

  /** utime and stime, fields 14 and 15; the second field may hold blanks and brackets. */
  static long ticks(String stat) {
    var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
  }

  /** By what a worker of ours says of itself. */
  static CpuClock ofMetrics(String host, int port) {
    var limit = Duration.ofSeconds(2);
    var client = HttpClient.newBuilder().connectTimeout(limit).build();
    var request =
        HttpRequest.newBuilder(URI.create("http://%s:%d/metrics".formatted(host, port)))
            .timeout(limit)
            .build();
    return () -> {
      try {
        return inMetrics(client.send(request, BodyHandlers.ofString()).body());
      } catch (IOException e) {
        return OptionalDouble.empty();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return OptionalDouble.empty();
      }
    };
  }

  /** The counter of Micrometer's process metrics. */
  static OptionalDouble inMetrics(String text) {
    var matcher =
        Pattern.compile("^process_cpu_time_ns_total (\\S+)$", Pattern.MULTILINE).matcher(text);
    return matcher.find()
        ? OptionalDouble.of(Double.parseDouble(matcher.group(1)) / 1e9)
        : OptionalDouble.empty();
  }
}
