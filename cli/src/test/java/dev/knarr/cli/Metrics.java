// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;

/** Reads what a management port serves at {@code /metrics}. */
final class Metrics {
  private Metrics() {}

  /**
   * The sum of a meter's samples whose line holds all of the texts.
   *
   * @param management host and port
   */
  static double sum(String management, String name, String... texts)
      throws IOException, InterruptedException {
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
}
