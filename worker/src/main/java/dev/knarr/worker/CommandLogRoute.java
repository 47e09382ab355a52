// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.worker.server.CommandLog;
import dev.knarr.worker.server.CommandLog.Scope;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * {@code POST /command-log} and {@code DELETE /command-log} of the management port: switch the
 * {@link CommandLog} on and off. For callers on this machine only, since names of tensors and
 * addresses of clients go into the log. Called on event loop threads; nothing here blocks.
 */
@Singleton
public final class CommandLogRoute {
  private static final int BAD_REQUEST = 400;
  private static final int FORBIDDEN = 403;
  private static final int UNAVAILABLE = 503;
  private static final String DEFAULT_SECONDS = "60";

  private final ProvenWorker proven;
  private final Optional<String> role;

  /** Called by the container. */
  @Inject
  CommandLogRoute(ProvenWorker proven, @ConfigProperty(name = "knarr.role") Optional<String> role) {
    this.proven = proven;
    this.role = role;
  }

  void register(@Observes Router router) {
    if (role.filter("worker"::equals).isPresent()) {
      router
          .post("/command-log")
          .handler(context -> handle(context, log -> switchOn(context, log)));
      router.delete("/command-log").handler(context -> handle(context, CommandLog::switchOff));
    }
  }

  private void handle(RoutingContext context, Consumer<CommandLog> action) {
    var worker = proven.get();
    if (!isLocal(context.request())) {
      end(context, FORBIDDEN, "The log of commands is switched from the worker's machine only.");
    } else if (worker.isEmpty()) {
      end(context, UNAVAILABLE, "The worker is not ready.");
    } else {
      try {
        action.accept(worker.get().commandLog());
        context.response().setStatusCode(204).end();
      } catch (IllegalArgumentException e) {
        end(context, BAD_REQUEST, String.valueOf(e.getMessage()));
      }
    }
  }

  private static void switchOn(RoutingContext context, CommandLog log) {
    var request = context.request();
    var connection = Optional.ofNullable(request.getParam("connection"));
    var peer = Optional.ofNullable(request.getParam("peer"));
    var scope =
        new Scope(
            connection
                .map(CommandLogRoute::number)
                .map(OptionalInt::of)
                .orElse(OptionalInt.empty()),
            // Never a name, which would be looked up.
            peer.map(InetAddress::ofLiteral));
    log.switchOn(scope, Duration.ofSeconds(number(request.getParam("seconds", DEFAULT_SECONDS))));
  }

  private static int number(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'%s' is no whole number.".formatted(text), e);
    }
  }

  /** From this machine, and not by a web page that a browser here shows. */
  private static boolean isLocal(HttpServerRequest request) {
    var caller = request.remoteAddress().hostAddress();
    return caller != null
        && (InetAddress.ofLiteral(caller).isLoopbackAddress()
            || caller.equals(request.localAddress().hostAddress()))
        && !request.headers().contains("Origin");
  }

  private static void end(RoutingContext context, int status, String why) {
    context.response().setStatusCode(status).end(why + "\n");
  }
}
