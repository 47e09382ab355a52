// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Ends connections that hold a place and say nothing: those that take too long to send the head of
 * a request, or that stop in the middle of a body.
 */
final class Connections {

  /** For the head of a request, and for the next one on a connection that is kept. */
  static final Duration HEAD_LIMIT = Duration.ofSeconds(60);

  /** For any byte of a body that is being read. */
  static final Duration STALL_LIMIT = Duration.ofSeconds(60);

  /** More than llama-server's own threads can take. */
  private static final int MAX_CONNECTIONS = 4096;

  private static final Duration LINGER = Duration.ofSeconds(1);

  private final Vertx vertx;
  private final Duration headLimit;
  private final Duration stallLimit;

  /** The timer of each connection; none while it has a request. */
  private final Map<HttpConnection, Long> timers = new HashMap<>();

  private int count;

  Connections(Vertx vertx, Duration headLimit, Duration stallLimit) {
    this.vertx = vertx;
    this.headLimit = headLimit;
    this.stallLimit = stallLimit;
  }

  void opened(HttpConnection connection) {
    count++;
    connection.closeHandler(
        _ -> {
          count--;
          rest(connection);
        });
    if (count > MAX_CONNECTIONS) {
      connection.close();
      return;
    }
    expect(connection);
  }

  /** A request has come: its time is no longer that of the connection. */
  void began(HttpServerRequest request) {
    HttpConnection connection = request.connection();
    rest(connection);
    request.response().endHandler(_ -> expect(connection));
  }

  /** Watches a body that is being read, until it has ended. */
  void watch(HttpServerRequest request) {
    if (request.isEnded()) {
      return;
    }
    long[] read = {request.bytesRead()};
    vertx.setPeriodic(
        stallLimit.toMillis(),
        timer -> {
          if (request.isEnded() || request.response().closed() || request.response().ended()) {
            vertx.cancelTimer(timer);
          } else if (request.bytesRead() == read[0]) {
            vertx.cancelTimer(timer);
            request.connection().close();
          } else {
            read[0] = request.bytesRead();
          }
        });
  }

  /**
   * Closes a connection whose request nobody reads to its end; a moment later, so that the answer
   * is not lost to a reset.
   */
  void closeSoon(HttpServerRequest request) {
    vertx.setTimer(LINGER.toMillis(), _ -> request.connection().close());
  }

  private void expect(HttpConnection connection) {
    rest(connection);
    timers.put(
        connection,
        vertx.setTimer(
            headLimit.toMillis(),
            _ -> {
              timers.remove(connection);
              connection.close();
            }));
  }

  private void rest(HttpConnection connection) {
    Long timer = timers.remove(connection);
    if (timer != null) {
      vertx.cancelTimer(timer);
    }
  }
}
