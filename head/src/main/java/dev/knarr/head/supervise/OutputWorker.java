// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.os.ParentPipe;
import dev.knarr.os.Processors;
import dev.knarr.plan.WireStop;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker beside the head, on loopback, that offers its processor for the output layer and ends
 * with it. Its log is the head's. One thread starts and closes it.
 */
final class OutputWorker implements AutoCloseable {
  /** Its name among the workers: nothing of it crosses the network. */
  static final String NAME = WireStop.HEAD;

  private static final Logger OUTPUT = LoggerFactory.getLogger("worker-" + NAME);
  private static final Duration START_LIMIT = Duration.ofMinutes(2);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(5);
  private static final long POLL_MILLIS = 20;

  /** What of the head's environment is meant for the head, or would undo what is said here. */
  private static final List<String> NOT_FOR_IT =
      List.of("KNARR_HEAD_", "KNARR_WORKER_", "QUARKUS_");

  private final Process process;
  private final Path folder;
  private final OutputTail tail = new OutputTail();
  private final Thread pump;
  private String address = "";

  private OutputWorker(Process process, Path folder) {
    this.process = process;
    this.folder = folder;
    this.pump = Thread.ofPlatform().name("worker-" + NAME).daemon(true).start(this::pump);
  }

  /**
   * Starts one and waits until it has opened its port.
   *
   * @param launcher the program of which {@code worker} is a command
   * @param bytes the most memory that it may hand out
   * @throws IOException when it does not come up, with its last words
   */
  static OutputWorker start(Path launcher, long bytes) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("knarr-head-worker");
    OutputWorker worker = new OutputWorker(processOf(launcher, bytes, folder).start(), folder);
    try {
      worker.awaitPort();
      return worker;
    } catch (IOException | InterruptedException e) {
      worker.close();
      throw e;
    }
  }

  private static ProcessBuilder processOf(Path launcher, long bytes, Path folder) {
    String threads = String.valueOf(Processors.cores());
    ProcessBuilder builder =
        new ProcessBuilder(
                launcher.toString(),
                "worker",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--management-port",
                "0",
                "--device",
                "CPU",
                "--threads",
                threads,
                "--memory-limit",
                String.valueOf(bytes),
                "--log-format",
                "text",
                "--announce",
                announcement(folder).toString())
            .redirectErrorStream(true);
    Map<String, String> environment = builder.environment();
    environment.keySet().removeIf(name -> NOT_FOR_IT.stream().anyMatch(name::startsWith));
    environment.put("OMP_NUM_THREADS", threads);
    environment.put(ParentPipe.ENVIRONMENT, "1");
    return builder;
  }

  private static Path announcement(Path folder) {
    return folder.resolve(NAME + ".json");
  }

  private void awaitPort() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (Files.notExists(announcement(folder))) {
      if (!process.isAlive()) {
        pump.join(STOP_LIMIT);
        throw new IOException(
            "it ended with status " + process.exitValue() + " and printed " + tail.quote());
      }
      if (System.nanoTime() > deadline) {
        throw new IOException(
            "it has not opened its port within "
                + START_LIMIT.toSeconds()
                + " s and printed "
                + tail.quote());
      }
      Thread.sleep(POLL_MILLIS);
    }
    address =
        JsonMapper.builder()
            .build()
            .readTree(Files.readString(announcement(folder)))
            .path("rpc")
            .asText();
    removeFolder(); // Now, since nobody does when the head is killed.
  }

  private void removeFolder() {
    try {
      Files.deleteIfExists(announcement(folder));
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      OUTPUT.debug("{} stays behind", folder, e);
    }
  }

  private void pump() {
    try (BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        tail.add(line);
        if (line.contains(" WARN ") || line.contains(" ERROR ")) {
          OUTPUT.warn("{}", line);
        } else {
          OUTPUT.info("{}", line);
        }
      }
    } catch (IOException e) {
      OUTPUT.debug("The output of the worker broke off", e);
    }
  }

  /** Where it listens. */
  String address() {
    return address;
  }

  /** Ends it; what it holds is on its way from the head again in no time. */
  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly().waitFor();
      }
      pump.join(STOP_LIMIT);
      removeFolder();
    } catch (InterruptedException _) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
