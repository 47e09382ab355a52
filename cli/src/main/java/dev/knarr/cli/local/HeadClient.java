// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.head.supervise.HeadStatus;
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
  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

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
          ? Optional.of(JSON.readValue(response.body(), HeadStatus.class))
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
