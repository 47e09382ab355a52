// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A worker as it is started on a box of its own; any thread. */
record RunningWorker(KnarrProcess process, String rpc, String management) implements AutoCloseable {
  static RunningWorker start(Path folder, String name, String... more) {
    return startAt("0", folder, name, more);
  }

  /** At a port that a worker had before. */
  static RunningWorker startAt(String port, Path folder, String name, String... more) {
    var announcement = folder.resolve(name + ".json");
    var arguments =
        new ArrayList<>(
            List.of("worker", "--port", port, "--management-port", "0", "--device", "CPU"));
    arguments.addAll(List.of("--threads", "1", "--memory-limit", "1Gi"));
    arguments.addAll(List.of("--announce", announcement.toString()));
    arguments.addAll(List.of(more));
    var process = KnarrProcess.start(arguments.toArray(String[]::new));
    await("the worker has opened its ports")
        .atMost(KnarrProcess.LIMIT)
        .until(() -> Files.exists(announcement));
    try {
      var ports = new ObjectMapper().readTree(Files.readString(announcement));
      Files.delete(announcement);
      return new RunningWorker(
          process, ports.get("rpc").asText(), ports.get("management").asText());
    } catch (IOException e) {
      process.close();
      throw new IllegalStateException(e);
    }
  }

  /** The sum of a meter's samples whose line holds all of the texts. */
  double metric(String name, String... texts) throws IOException, InterruptedException {
    return Metrics.sum(management, name, texts);
  }

  @Override
  public void close() {
    process.terminate();
    process.awaitExit();
    process.close();
  }
}
