// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.head.api.HeadStatus;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;

/** Asks a head what it knows. Called by one thread. */
final class HeadClient implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(5);

  private final HttpClient client = HttpClient.newBuilder().connectTimeout(LIMIT).build();
  private final URI status;

  HeadClient(String management) {
    this.status = URI.create("http://" + management + "/status");
  }

  /** What the head says; empty where it does not answer now. */
  Optional<HeadStatus> status() throws InterruptedException {
    try {
      var response =
          client.send(
              HttpRequest.newBuilder(status).timeout(LIMIT).build(),
              HttpResponse.BodyHandlers.ofString());
      return response.statusCode() == 200
          ? Optional.of(HeadStatus.parse(response.body()))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // It is starting, or it is gone, which its process tells.
    }
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
