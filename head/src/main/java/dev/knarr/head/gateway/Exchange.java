// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadReason;
import dev.knarr.head.gateway.Refusal.Why;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.httpproxy.Body;
import io.vertx.httpproxy.ProxyContext;
import io.vertx.httpproxy.ProxyResponse;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One request and its answer. */
final class Exchange {

  private static final Logger LOG = LoggerFactory.getLogger(Gateway.class);

  /** A worker may be lost again before an answer is there … */
  private static final int MAX_RERUNS = 3;

  /** … but a request that made llama-server crash twice would do so a third time. */
  private static final int MAX_RERUNS_AFTER_CRASH = 1;

  /** A stream that was cut ends within two seconds, explained or not. */
  private static final Duration STREAM_EXPLANATION = Duration.ofSeconds(1);

  /** On a machine that is short of processors the supervisor may need a while. */
  private static final Duration EXPLANATION = Duration.ofSeconds(10);

  private static final String EVENT_STREAM = "text/event-stream";

  private final Passage passage;
  private final ProxyContext context;
  private final HttpServerRequest request;
  private final Route route;
  private final boolean admitted;
  private final Measure measure;

  private @Nullable KeptBody body;
  private @Nullable Life life;
  private @Nullable HttpClientRequest upstreamRequest;
  private @Nullable EventStream stream;
  private final Promise<Void> departure = Promise.promise();
  private int reruns;
  private long heldBytes;

  Exchange(Passage passage, ProxyContext context) {
    this.passage = passage;
    this.context = context;
    this.request = context.request().proxiedRequest();
    this.route = Route.of(request.method(), Objects.requireNonNullElse(request.path(), ""));
    this.measure = new Measure(passage.meters(), route.operation());
    this.admitted = passage.keys().admit(request.headers());
  }

  /** Gets an answer, from llama-server where that can be had. Fails when the client is gone. */
  Future<ProxyResponse> ask() {
    request.response().closeHandler(_ -> clientIsGone());
    // The proxy has said it already, and llama-server would wait for it.
    context.request().headers().remove(HttpHeaders.EXPECT);
    return keepBody().compose(_ -> attempt());
  }

  Upstream upstream() {
    if (life == null) {
      throw new IllegalStateException("There is no llama-server to connect to");
    }
    return life.upstream();
  }

  void connected(HttpClientRequest connected) {
    upstreamRequest = connected;
    if (isGone()) {
      connected.reset();
    }
  }

  void abandon(Life ended) {
    if (life == ended && upstreamRequest != null) {
      upstreamRequest.reset();
    }
  }

  private boolean isGone() {
    return departure.future().isComplete();
  }

  private void clientIsGone() {
    departure.tryComplete();
    if (upstreamRequest != null) {
      upstreamRequest.reset();
    }
  }

  /**
   * Reads the body of what can be run again. Anything else stays where it is until it is wanted.
   */
  private Future<Void> keepBody() {
    Body announced = context.request().getBody();
    if (!route.repeatable() || announced.length() > KeptBody.MAX_BYTES) {
      return Future.succeededFuture();
    }
    passage.connections().watch(request);
    return KeptBody.read(announced.stream(), passage.budget())
        .map(
            read -> {
              body = read;
              context
                  .request()
                  .setBody(
                      read.isWhole()
                          ? Body.body(read.bytes())
                          : Body.body(read.stream(), announced.length()));
              return null;
            });
  }

  private Future<ProxyResponse> attempt() {
    long entered = System.nanoTime();
    upstreamRequest = null;
    return passage
        .room()
        .enter(!Route.reads(request.method()), departure.future())
        .onComplete(_ -> measure.waited(System.nanoTime() - entered))
        .compose(this::send)
        .compose(this::receive)
        .recover(this::failed);
  }

  private Future<ProxyResponse> send(Life now) {
    if (isGone()) {
      return Future.failedFuture("The client is gone");
    }
    life = now;
    Upstream upstream = now.upstream();
    if (passage.keys().areAskedFor()) {
      ApiKeys.replace(context.request().headers(), admitted ? upstream.key() : null);
    }
    if (reruns == 0) {
      measure.sent();
    }
    if (body == null || !body.isWhole()) {
      passage.connections().watch(request);
    }
    return context.sendRequest();
  }

  private Future<ProxyResponse> receive(ProxyResponse response) {
    String type = response.headers().get(HttpHeaders.CONTENT_TYPE);
    if (type != null && type.startsWith(EVENT_STREAM)) {
      EventStream events =
          new EventStream(response.getBody().stream(), measure::token, this::lastEvent);
      stream = events;
      response.setBody(Body.body(events));
      return Future.succeededFuture(response);
    }
    long length = response.getBody().length();
    boolean keep =
        canRunAgain()
            && !request.method().equals(HttpMethod.HEAD)
            && length >= 0
            && length <= KeptBody.MAX_BYTES
            && passage.budget().take(length);
    if (!keep) {
      return Future.succeededFuture(response);
    }
    heldBytes += length;
    return whole(response);
  }

  /** Waits for all of an answer: before it is passed on, its request can still be run again. */
  private Future<ProxyResponse> whole(ProxyResponse response) {
    Promise<ProxyResponse> promise = Promise.promise();
    Buffer all = Buffer.buffer();
    var source = response.getBody().stream();
    source.exceptionHandler(promise::tryFail);
    source.endHandler(
        _ -> {
          response.setBody(Body.body(all));
          measure.answered(response.getStatusCode(), all.getBytes());
          promise.tryComplete(response);
        });
    source.handler(all::appendBuffer);
    source.resume();
    return promise.future();
  }

  private boolean canRunAgain() {
    return route.repeatable() && body != null && body.isWhole();
  }

  private Future<ProxyResponse> failed(Throwable failure) {
    if (isGone()) {
      return Future.failedFuture(failure);
    }
    if (failure instanceof Refusal refusal) {
      return Future.succeededFuture(refusal(refusal));
    }
    releaseHeld();
    Life asked = life;
    if (asked == null) {
      return Future.failedFuture(failure);
    }
    LOG.debug("A request to {} failed: {}", asked.upstream(), failure.toString());
    return asked.end(passage.vertx(), EXPLANATION).compose(this::again);
  }

  private Future<ProxyResponse> again(Optional<Life.End> end) {
    if (isGone()) {
      return Future.failedFuture("The client is gone");
    }
    // What could not even connect has not been seen by anyone.
    boolean unsent = upstreamRequest == null;
    if (end.isPresent() && (unsent || canRunAgain()) && reruns < maxReruns(end.get())) {
      reruns++;
      passage.meters().rerun(end.get().reason().text());
      return attempt();
    }
    measure.failed(explain(end));
    boolean stopped = end.map(e -> e.reason() == HeadReason.STOP_REQUESTED).orElse(false);
    Why why = stopped ? Why.DRAINING : Why.CUT;
    return Future.succeededFuture(
        refusal(new Refusal(why, "There is no answer: " + sentence(end))));
  }

  private static int maxReruns(Life.End end) {
    return switch (end.reason()) {
      case WORKER_LOST -> MAX_RERUNS;
      case STOP_REQUESTED -> 0;
      default -> MAX_RERUNS_AFTER_CRASH;
    };
  }

  private static String explain(Optional<Life.End> end) {
    return end.map(e -> e.reason().text()).orElse(Why.CUT.tag());
  }

  private static String sentence(Optional<Life.End> end) {
    return end.map(Life.End::sentence).orElse("llama-server closed the connection.");
  }

  private ProxyResponse refusal(Refusal refusal) {
    passage.meters().refused(refusal.why().tag());
    measure.failed(refusal.why().tag());
    int status = refusal.why().status();
    ProxyResponse response = context.request().release().response().setStatusCode(status);
    response.putHeader(HttpHeaders.CONTENT_TYPE, Answers.JSON);
    if (refusal.why().mayPass()) {
      response.putHeader(HttpHeaders.RETRY_AFTER, Answers.RETRY_AFTER_SECONDS);
    }
    return response.setBody(Body.body(Answers.error(status, refusal.sentence()).toBuffer()));
  }

  /** What a stream ends with that broke; fails when nobody would hear it. */
  private Future<String> lastEvent(Throwable cause) {
    Life asked = life;
    if (isGone() || asked == null) {
      return Future.failedFuture(cause);
    }
    return asked
        .end(passage.vertx(), STREAM_EXPLANATION)
        .map(
            end -> {
              measure.failed(explain(end));
              return route.dialect().error("The stream was cut: " + sentence(end));
            });
  }

  /** Passes the answer on to the client. */
  Future<Void> answer() {
    ProxyResponse response = context.response();
    boolean close = !request.isEnded();
    // Those of the connection to llama-server are no business of the client.
    response.headers().remove(HttpHeaders.CONNECTION).remove("keep-alive");
    if (response.headers().contains(HttpHeaders.ACCESS_CONTROL_ALLOW_ORIGIN)) {
      // llama-server has said itself who may read the answer.
      request.response().headers().remove(HttpHeaders.ACCESS_CONTROL_ALLOW_ORIGIN);
    }
    if (close) {
      response.putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
    }
    int status = response.getStatusCode();
    return context
        .sendResponse()
        .onComplete(
            sent -> {
              finish(status, sent.failed());
              if (close) {
                passage.connections().closeSoon(request);
              }
            });
  }

  private void finish(int status, boolean broken) {
    passage.finished(this);
    releaseHeld();
    if (body != null) {
      body.giveBack();
    }
    if (isGone() || broken) {
      measure.failed("client_closed");
    }
    measure.finished(status, stream);
  }

  private void releaseHeld() {
    passage.budget().giveBack(heldBytes);
    heldBytes = 0;
  }
}
