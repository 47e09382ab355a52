// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A worker as it is started on a box of its own, with the addresses of its two ports. */
record RunningWorker(KnarrProcess process, String rpc, String management) implements AutoCloseable {
  static RunningWorker start(Path announcement, String... more) {
    var arguments =
        new ArrayList<>(
            List.of("worker", "--port", "0", "--management-port", "0", "--device", "CPU"));
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
    try (var http = HttpClient.newHttpClient()) {
      var page =
          http.send(
                  HttpRequest.newBuilder(URI.create("http://" + management + "/metrics")).build(),
                  BodyHandlers.ofString())
              .body();
      return page.lines()
          .filter(line -> line.startsWith(name))
          .filter(line -> List.of(texts).stream().allMatch(line::contains))
          .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
          .sum();
    }
  }

  @Override
  public void close() {
    process.terminate();
    process.awaitExit();
    process.close();
  }
}
