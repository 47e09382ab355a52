// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.gateway.Refusal.Why;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** Where each request arrives: answers what the gateway knows itself, and asks for keys. */
final class FrontDoor implements Handler<HttpServerRequest> {

  /** Requests at a time, those that wait included: llama-server has some thousand threads. */
  static final int MAX_ACTIVE = 2048;

  private static final Set<String> HEALTH = Set.of("/health", "/v1/health");

  private final Passage passage;
  private final Supplier<HeadStatus> status;
  private final Handler<HttpServerRequest> proxy;
  private final Answers answers;
  private final boolean answersPreflights;

  /**
   * The door of a gateway.
   *
   * @param arguments of llama-server, which may say what browsers are allowed
   * @param proxy who gets what is let in
   */
  FrontDoor(
      Passage passage,
      List<String> arguments,
      Supplier<HeadStatus> status,
      Handler<HttpServerRequest> proxy) {
    this.passage = passage;
    this.status = status;
    this.proxy = proxy;
    this.answers = new Answers(passage.connections());
    this.answersPreflights = arguments.stream().noneMatch(FrontDoor::decidesOrigins);
  }

  /** llama-server allows every origin, unless one of these is given. */
  private static boolean decidesOrigins(String argument) {
    return argument.startsWith("--cors-")
        || argument.startsWith("--tools")
        || argument.startsWith("--mcp-servers-")
        || argument.startsWith("--agent")
        || argument.equals("-ag");
  }

  @Override
  public void handle(HttpServerRequest request) {
    passage.connections().began(request);
    WaitingRoom room = passage.room();
    boolean reads = Route.reads(request.method());
    boolean served = room.isServed() && !room.isDraining();
    String origin = request.getHeader(HttpHeaders.ORIGIN);
    if (origin != null && answersPreflights) {
      request.response().putHeader(HttpHeaders.ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    if (reads && HEALTH.contains(request.path())) {
      answers.health(request, served, status.get());
    } else if (request.method().equals(HttpMethod.OPTIONS) && !served && answersPreflights) {
      answers.preflight(request);
    } else if (!passage.keys().admit(request.headers()) && !(reads && served)) {
      // What anybody may read is for llama-server to know, and it is not shown its key then.
      passage.meters().refused("unauthorized");
      answers.unauthorized(request);
    } else if (passage.active().size() >= MAX_ACTIVE) {
      passage.meters().refused(Why.FULL.tag());
      answers.refuse(
          request,
          new Refusal(Why.FULL, "%d requests are worked on already.".formatted(MAX_ACTIVE)));
    } else {
      proxy.handle(request);
    }
  }
}
