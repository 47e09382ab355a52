// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.head.gateway.Upstream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Asks the llama-server that listens on a port. Any thread. */
final class LlamaServerClient implements AutoCloseable {

  /** Short: while this waits, nobody hears of a lost worker. */
  private static final Duration LIMIT = Duration.ofSeconds(2);

  private static final int OK = 200;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newBuilder().connectTimeout(LIMIT).build();
  private final String base;
  private final @Nullable String key;

  LlamaServerClient(Upstream upstream) {
    this.base = "http://" + upstream;
    this.key = upstream.key();
  }

  /** Whether it serves requests. */
  boolean isHealthy() throws InterruptedException {
    return get("/health").isPresent();
  }

  /** Returns its metrics, or nothing when it does not answer. */
  Optional<String> metrics() throws InterruptedException {
    return get("/metrics");
  }

  /** Whether no sequence is being worked on; false when it does not answer. */
  boolean isIdle() throws InterruptedException {
    Optional<String> slots = get("/slots");
    if (slots.isEmpty()) {
      return false;
    }
    try {
      for (JsonNode slot : JSON.readTree(slots.get())) {
        if (slot.path("is_processing").asBoolean(true)) {
          return false;
        }
      }
      return true;
    } catch (JsonProcessingException _) {
      return false;
    }
  }

  private Optional<String> get(String path) throws InterruptedException {
    try {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create(base + path)).timeout(LIMIT).GET();
      if (key != null) {
        request.header("Authorization", "Bearer " + key);
      }
      HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
      return response.statusCode() == OK ? Optional.of(response.body()) : Optional.empty();
    } catch (IOException _) {
      // Not listening yet, or busy: the caller asks again.
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
