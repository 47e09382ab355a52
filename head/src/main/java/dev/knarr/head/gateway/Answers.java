// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.WorkerState;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** What the gateway says itself, in llama-server's words where it has some. */
final class Answers {

  static final String JSON = "application/json; charset=utf-8";
  static final String UNAVAILABLE = "unavailable_error";
  private static final String DEGRADED = "degraded";

  /** When it may be worth to ask again. */
  static final String RETRY_AFTER_SECONDS = "5";

  private static final int OK = 200;
  private static final int UNAUTHORIZED = 401;
  private static final int SERVICE_UNAVAILABLE = 503;

  private final Connections connections;

  Answers(Connections connections) {
    this.connections = connections;
  }

  /** An error object as llama-server writes them. */
  static JsonObject error(int status, String sentence) {
    String type =
        switch (status) {
          case UNAUTHORIZED -> "authentication_error";
          case SERVICE_UNAVAILABLE -> UNAVAILABLE;
          default -> "server_error";
        };
    return new JsonObject()
        .put(
            "error",
            new JsonObject().put("message", sentence).put("type", type).put("code", status));
  }

  /** Says that a key is missing, in llama-server's words. */
  void unauthorized(HttpServerRequest request) {
    send(request, UNAUTHORIZED, error(UNAUTHORIZED, "Invalid API Key"));
  }

  /** Says why a request is not served. */
  void refuse(HttpServerRequest request, Refusal refusal) {
    int status = refusal.why().status();
    if (refusal.why().mayPass()) {
      request.response().putHeader(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    send(request, status, error(status, refusal.sentence()));
  }

  /** Answers {@code /health} as llama-server does, with what else is known. */
  void health(HttpServerRequest request, boolean serves, HeadStatus status) {
    if (serves && status.phase() == HeadPhase.READY) {
      send(request, OK, healthy(status));
      return;
    }
    request.response().putHeader(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS);
    send(request, SERVICE_UNAVAILABLE, unhealthy(status));
  }

  /** Answers a browser's question as llama-server does, so that the request itself can wait. */
  void preflight(HttpServerRequest request) {
    request
        .response()
        .putHeader(HttpHeaders.ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")
        .putHeader(HttpHeaders.ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE, OPTIONS")
        .putHeader(HttpHeaders.ACCESS_CONTROL_ALLOW_HEADERS, "*")
        .end();
  }

  private static JsonObject healthy(HeadStatus status) {
    JsonObject body = new JsonObject().put("status", "ok");
    if (!status.warnings().isEmpty()) {
      body.put("warnings", new JsonArray(status.warnings()));
    }
    if (status.reason() == HeadReason.AS_PLANNED) {
      return body;
    }
    body.put("status", DEGRADED)
        .put("reason", status.reason().text())
        .put("message", status.message());
    return withMissing(body, status);
  }

  private static JsonObject unhealthy(HeadStatus status) {
    String word = word(status.phase());
    // Clients of llama-server look for these words.
    String message = word.equals("loading") ? "Loading model" : status.message();
    JsonObject body =
        error(SERVICE_UNAVAILABLE, message)
            .put("status", word)
            .put("phase", status.phase().text())
            .put("reason", status.reason().text())
            .put("message", status.message())
            .put("percent", status.loadPercent());
    return withMissing(body, status);
  }

  private static JsonObject withMissing(JsonObject body, HeadStatus status) {
    JsonArray missing = new JsonArray();
    for (HeadStatus.WorkerStatus worker : status.workers()) {
      if (worker.state() == WorkerState.LOST
          || (worker.state() == WorkerState.WAITING && worker.message() != null)) {
        missing.add(
            new JsonObject()
                .put("name", worker.name())
                .put("message", Optional.ofNullable(worker.message()).orElse("")));
      }
    }
    if (!missing.isEmpty()) {
      body.put("workers", missing);
    }
    return body;
  }

  private static String word(HeadPhase phase) {
    return switch (phase) {
      case STARTING, PROVING_WORKERS, PROVING_SERVER, PLANNING, LOADING, READY -> "loading";
      case WAITING_FOR_WORKERS, RESTARTING -> DEGRADED;
      case FAILED -> "failed";
      case STOPPING -> "stopping";
    };
  }

  private void send(HttpServerRequest request, int status, JsonObject body) {
    HttpServerResponse response = request.response();
    response
        .setStatusCode(status)
        .putHeader(HttpHeaders.CONTENT_TYPE, JSON)
        .putHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(body.toBuffer().length()));
    if (request.isEnded()) {
      response.end(body.toBuffer());
      return;
    }
    // The rest of a body that nobody wants is not waited for.
    response.putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
    response.end(body.toBuffer()).onComplete(_ -> connections.closeSoon(request));
  }
}
