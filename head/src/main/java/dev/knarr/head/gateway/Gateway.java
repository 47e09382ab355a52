// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.gateway.Refusal.Why;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.httpproxy.HttpProxy;
import io.vertx.httpproxy.ProxyOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTP on the endpoint, in front of whichever llama-server serves. It listens from {@link #open} to
 * {@link #close}; in between {@link #up} and {@link #down} say who answers. Any thread may call;
 * the work is done on one event loop.
 */
public final class Gateway implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Gateway.class);

  /** More than llama-server takes, so that it is llama-server who refuses. */
  private static final int MAX_HEAD_BYTES = 64 << 10;

  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(2);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);
  private static final Duration KEYS_INTERVAL = Duration.ofSeconds(1);

  private final HeadConfig config;
  private final Vertx vertx;
  private final Supplier<HeadStatus> status;
  private final Passage passage;

  private @Nullable Context context;
  private @Nullable HttpServer server;
  private @Nullable HttpClient client;
  private @Nullable Life life;
  private long keysTimer;

  /**
   * A gateway that is not open yet.
   *
   * @param status what {@code /health} tells of; called on the event loop, so it may not block
   */
  public Gateway(
      HeadConfig config, MeterRegistry registry, Vertx vertx, Supplier<HeadStatus> status) {
    this(config, registry, vertx, status, Connections.HEAD_LIMIT, Connections.STALL_LIMIT);
  }

  Gateway(
      HeadConfig config,
      MeterRegistry registry,
      Vertx vertx,
      Supplier<HeadStatus> status,
      Duration headLimit,
      Duration stallLimit) {
    this.config = config;
    this.vertx = vertx;
    this.status = status;
    this.passage =
        new Passage(
            vertx,
            new ApiKeys(config.apiKeyFile()),
            new WaitingRoom(
                vertx, config.http().waitingRequests(), config.http().patience(), status),
            new ByteBudget(config.http().keptBytes()),
            new Connections(vertx, headLimit, stallLimit),
            new GatewayMeters(registry, config.model().name()));
    passage.meters().watch(passage.room()::size, passage.budget()::takenBytes);
  }

  /**
   * Begins to listen, unless it does already.
   *
   * @throws HeadException with {@link HeadReason#ENDPOINT_TAKEN} when it cannot
   */
  public synchronized void open() throws InterruptedException {
    if (server != null) {
      return;
    }
    // Two servers of one Vert.x would share a port instead of failing.
    requireFree();
    Context loop = vertx.getOrCreateContext();
    HttpClient connector = vertx.createHttpClient(clientOptions());
    HttpProxy proxy =
        HttpProxy.reverseProxy(new ProxyOptions().setSupportWebSocket(false), connector)
            .origin(passage)
            .addInterceptor(passage);
    HttpServer listener =
        vertx
            .createHttpServer(serverOptions())
            .connectionHandler(passage.connections()::opened)
            .requestHandler(
                new FrontDoor(passage, config.llamaServer().arguments(), status, proxy));
    try {
      await(onLoop(loop, listener::listen), CLOSE_LIMIT);
    } catch (ExecutionException | TimeoutException e) {
      connector.close();
      throw taken(e.getCause() == null ? e : e.getCause());
    }
    context = loop;
    client = connector;
    server = listener;
    if (passage.keys().areAskedFor()) {
      keysTimer = vertx.setPeriodic(KEYS_INTERVAL.toMillis(), _ -> reloadKeys());
    }
    LOG.info("The endpoint listens on {}:{}", config.http().host(), listener.actualPort());
  }

  /** Returns the port it listens on. */
  public synchronized int port() {
    if (server == null) {
      throw new IllegalStateException("The gateway is not open");
    }
    return server.actualPort();
  }

  /** From now on requests are passed to this llama-server, those that wait first. */
  public synchronized void up(Upstream upstream) {
    Life next = new Life(upstream);
    life = next;
    onLoop(() -> passage.room().up(next));
  }

  /**
   * The llama-server serves no more: requests wait for the next. Those that are running end with
   * this explanation, or are run again.
   *
   * @param reason why, as in {@code /status}
   * @param sentence for people
   */
  public synchronized void down(HeadReason reason, String sentence) {
    Life ended = life;
    life = null;
    if (ended != null) {
      onLoop(() -> end(ended, new Life.End(reason, sentence)));
    }
  }

  private void end(Life ended, Life.End why) {
    passage.room().down();
    ended.ended(why);
    passage.abandon(ended);
  }

  /**
   * As {@link #down}, but only while no request is on its way, so that none is ended by it.
   *
   * @return whether it was so
   */
  public synchronized boolean downIfIdle(HeadReason reason, String sentence)
      throws InterruptedException {
    Life ending = life;
    Context loop = context;
    if (ending == null || loop == null || !isIdle()) {
      return false;
    }
    CompletableFuture<Boolean> wasIdle = new CompletableFuture<>();
    loop.runOnContext(
        _ -> {
          // Decided where requests come in: none can come in between.
          boolean idle = passage.active().isEmpty();
          if (idle) {
            end(ending, new Life.End(reason, sentence));
          }
          wasIdle.complete(idle);
        });
    try {
      if (!wasIdle.get(CLOSE_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        return false;
      }
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("The endpoint's event loop does not answer", e);
    }
    life = null;
    return true;
  }

  /** The head has given up for now: nobody waits for it. */
  public void giveUp(String sentence) {
    onLoop(() -> passage.room().refuse(Why.FAILED, sentence));
  }

  /** Refuses what waits and what comes; what is running goes on. */
  public void drain() {
    onLoop(() -> passage.room().drain());
  }

  /** Whether no request is on its way. */
  public boolean isIdle() {
    return passage.activeCount().get() == 0;
  }

  /** Stops to listen, and ends what is still running. */
  @Override
  public synchronized void close() {
    HttpServer listener = server;
    HttpClient connector = client;
    if (listener == null || connector == null) {
      return;
    }
    vertx.cancelTimer(keysTimer);
    try {
      await(listener.close(), CLOSE_LIMIT);
      await(connector.close(), CLOSE_LIMIT);
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("The endpoint did not close cleanly", e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    server = null;
    client = null;
  }

  private void reloadKeys() {
    vertx.executeBlocking(
        () -> {
          passage.keys().reload();
          return null;
        });
  }

  private HttpServerOptions serverOptions() {
    return new HttpServerOptions()
        .setHost(config.http().host())
        .setPort(config.http().port())
        .setMaxHeaderSize(MAX_HEAD_BYTES)
        .setMaxInitialLineLength(MAX_HEAD_BYTES)
        .setHandle100ContinueAutomatically(true)
        // llama-server speaks HTTP/1.1 only.
        .setHttp2ClearTextEnabled(false);
  }

  private static HttpClientOptions clientOptions() {
    return new HttpClientOptions()
        .setMaxPoolSize(FrontDoor.MAX_ACTIVE)
        // One connection for each request: when it closes, llama-server knows which to end.
        .setKeepAlive(false)
        .setConnectTimeout((int) CONNECT_LIMIT.toMillis())
        .setMaxHeaderSize(MAX_HEAD_BYTES)
        .setMaxInitialLineLength(MAX_HEAD_BYTES);
  }

  private void requireFree() {
    try (ServerSocket probe = new ServerSocket()) {
      probe.bind(
          new InetSocketAddress(InetAddress.getByName(config.http().host()), config.http().port()));
    } catch (IOException e) {
      throw taken(e);
    }
  }

  private HeadException taken(Throwable cause) {
    return new HeadException(
        HeadReason.ENDPOINT_TAKEN,
        "The endpoint cannot listen on %s:%d: %s. Stop what listens there, or choose another port."
            .formatted(config.http().host(), config.http().port(), cause.getMessage()),
        cause);
  }

  private void onLoop(Runnable action) {
    Context loop = context;
    if (loop != null) {
      loop.runOnContext(_ -> action.run());
    }
  }

  private static <T> Future<T> onLoop(Context loop, Supplier<Future<T>> action) {
    return Future.future(promise -> loop.runOnContext(_ -> action.get().onComplete(promise)));
  }

  private static void await(Future<?> future, Duration limit)
      throws InterruptedException, ExecutionException, TimeoutException {
    future.toCompletionStage().toCompletableFuture().get(limit.toMillis(), TimeUnit.MILLISECONDS);
  }
}
