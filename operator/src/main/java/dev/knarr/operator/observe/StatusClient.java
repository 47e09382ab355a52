// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Asks pods for {@code /status}. Whatever answers there, an answer takes a bounded time and a
 * bounded number of bytes. Any thread.
 */
final class StatusClient implements AutoCloseable {
  /** A thousand workers with a sentence each take half of it. */
  static final int MOST_BYTES = 1 << 20;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  private final Duration timeout;
  private final HttpClient http;

  StatusClient(Duration timeout) {
    this.timeout = timeout;
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            // Pods are in the cluster: a proxy of the operator is for the world outside.
            .proxy(HttpClient.Builder.NO_PROXY)
            .connectTimeout(timeout)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  /**
   * Returns what is served at {@code http://IP:PORT/status}.
   *
   * @throws IOException whose message is a clause such as "it refused the connection"
   */
  <T> T ask(String ip, int port, Class<T> type) throws IOException, InterruptedException {
    var body = get(ip, port);
    try {
      ObjectReader reader = JSON.readerFor(type);
      T answer = reader.readValue(body);
      if (answer == null) {
        throw new IOException("its answer is not a status");
      }
      return answer;
    } catch (JsonProcessingException e) {
      throw new IOException("its answer is not a status", e);
    }
  }

  private byte[] get(String ip, int port) throws IOException, InterruptedException {
    var host = ip.contains(":") ? "[" + ip + "]" : ip;
    var request =
        HttpRequest.newBuilder(URI.create("http://%s:%d/status".formatted(host, port)))
            .timeout(timeout)
            .build();
    var pending =
        http.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), MOST_BYTES));
    try {
      // The request's own limit ends with the headers; a body may trickle for ever.
      var response = pending.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
      if (response.statusCode() != 200) {
        throw new IOException("it answers with HTTP status " + response.statusCode());
      }
      return response.body();
    } catch (TimeoutException e) {
      throw new IOException(late(), e);
    } catch (ExecutionException e) {
      throw new IOException(clause(e.getCause()), e);
    } finally {
      pending.cancel(true);
    }
  }

  private String clause(@Nullable Throwable failure) {
    return switch (failure) {
      case HttpTimeoutException _ -> late();
      case ConnectException _ -> "it refuses the connection";
      case IOException e when String.valueOf(e.getMessage()).contains("body exceeds capacity") ->
          "its answer has more than %d bytes".formatted(MOST_BYTES);
      case null, default -> "the connection failed (%s)".formatted(failure);
    };
  }

  private String late() {
    return "it does not answer within %d s".formatted(timeout.toSeconds());
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
