// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.testkit.kube.ApiServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.nio.file.Files;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the operator has asked an API server for. One thread. */
final class AuditLog implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Set<String> WRITES =
      Set.of("create", "update", "patch", "delete", "deletecollection");

  /** Everybody may ask what he may do; the SDK does before it looks for the lease. */
  private static final String OWN_RIGHTS = "selfsubjectrulesreviews";

  private final BufferedReader reader;
  private final StringBuilder line = new StringBuilder();
  private final List<Request> requests = new ArrayList<>();

  /**
   * A request for a resource.
   *
   * @param group of the API; empty for the core
   * @param resource with its subresource: {@code inferenceclusters/status}
   * @param name empty for those of many objects
   * @param code the answer's
   */
  record Request(
      Instant at,
      String verb,
      String group,
      String resource,
      String namespace,
      String name,
      int code) {
    /** As {@link OperatorAccount#granted} has it. */
    String pair() {
      return "%s %s/%s".formatted(verb, group, resource);
    }

    /** Apply takes two rights where it makes the object. */
    private Stream<String> rights() {
      return verb.equals("patch") && code == HttpURLConnection.HTTP_CREATED
          ? Stream.of(pair(), pair().replaceFirst("^patch ", "create "))
          : Stream.of(pair());
    }

    boolean writes() {
      return WRITES.contains(verb);
    }

    boolean isOf(String kind) {
      return resource.equals(kind);
    }

    private static Request of(JsonNode event) {
      var about = event.path("objectRef");
      var part = about.path("subresource").asText();
      return new Request(
          Instant.parse(event.path("requestReceivedTimestamp").asText()),
          event.path("verb").asText(),
          about.path("apiGroup").asText(),
          about.path("resource").asText() + (part.isEmpty() ? "" : "/" + part),
          about.path("namespace").asText(),
          about.path("name").asText(),
          event.path("responseStatus").path("code").asInt());
    }
  }

  private AuditLog(BufferedReader reader) {
    this.reader = reader;
  }

  /** The log of a server that was started with one. */
  static AuditLog of(ApiServer server) {
    try {
      return new AuditLog(Files.newBufferedReader(server.auditLog()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All requests of the operator until now, those of its own rights aside. */
  List<Request> requests() {
    try {
      // A line may be there by half when it is being written.
      for (int character = reader.read(); character >= 0; character = reader.read()) {
        if (character == '\n') {
          take(line.toString());
          line.setLength(0);
        } else {
          line.append((char) character);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.copyOf(requests);
  }

  /** The rights that all requests until now needed, as {@link OperatorAccount#granted} has them. */
  Set<String> rightsUsed() {
    return requests().stream().flatMap(Request::rights).collect(Collectors.toSet());
  }

  private void take(String text) throws IOException {
    if (!text.contains(OperatorAccount.USER)) {
      return;
    }
    var event = JSON.readTree(text);
    if (event.path("user").path("username").asText().equals(OperatorAccount.USER)
        && event.has("objectRef")) {
      var request = Request.of(event);
      if (!request.isOf(OWN_RIGHTS)) {
        requests.add(request);
      }
    }
  }

  @Override
  public void close() {
    try {
      reader.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
