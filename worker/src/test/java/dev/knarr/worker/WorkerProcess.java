// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.ggml.GgmlHandles;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A worker with the CPU in a process of its own, whose memory can be measured. */
final class WorkerProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader output;
  private final int port;

  /**
   * What a worker without a client holds.
   *
   * @param residentBytes of the process, as the kernel counts them
   * @param heapBytes of live objects
   * @param handles open in ggml
   */
  record Holding(long residentBytes, long heapBytes, long handles) {}

  WorkerProcess() throws IOException {
    var builder =
        new ProcessBuilder(
                List.of(
                    Path.of("..", "testkit", "jvm", "bin", "java").toString(),
                    // All of the heap is resident from the start: what grows is other memory.
                    "-Xms64m",
                    "-Xmx64m",
                    "-XX:+AlwaysPreTouch",
                    "-XX:+UseSerialGC",
                    // What the compilers of the JVM have freed goes back to the kernel.
                    "-XX:TrimNativeHeapInterval=500",
                    "--enable-native-access=ALL-UNNAMED",
                    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
                    "-cp",
                    System.getProperty("java.class.path"),
                    WorkerProcess.class.getName()))
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put("MALLOC_ARENA_MAX", "2");
    process = builder.start();
    output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    port = Integer.parseInt(answer("port"));
  }

  int port() {
    return port;
  }

  Holding holding() throws IOException {
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    long heap = Long.parseLong(answer("heap"));
    long handles = Long.parseLong(answer("handles"));
    return new Holding(resident(), heap, handles);
  }

  private long resident() throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
        .findFirst()
        .orElseThrow();
  }

  /** The value of the next line of this name; ggml's own lines stand between. */
  private String answer(String name) throws IOException {
    for (String line = output.readLine(); line != null; line = output.readLine()) {
      if (line.startsWith(name + "=")) {
        return line.substring(name.length() + 1);
      }
    }
    throw new IOException("The worker process has ended");
  }

  /** Stops it and demands that nothing was left of it. */
  @Override
  public void close() throws IOException {
    try {
      process.getOutputStream().close();
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("the worker has ended").isTrue();
      assertThat(process.exitValue()).isZero();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      process.destroyForcibly();
    }
  }

  /** The worker itself: says what it holds for each line it reads, until there is none. */
  public static void main(String[] arguments) throws IOException {
    // Without Quarkus nobody takes the log, and every line is kept for who might come.
    Logger.getLogger("").setLevel(Level.OFF);
    try (var worker = RunningWorker.with("CPU")) {
      System.out.println("port=" + worker.port());
      while (System.in.read() >= 0) {
        System.gc();
        System.out.println(
            "heap=" + ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        System.out.println("handles=" + GgmlHandles.live());
      }
    }
  }
}
