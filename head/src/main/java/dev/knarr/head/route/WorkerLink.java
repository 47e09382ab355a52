// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.KeepAlive;
import dev.knarr.head.relay.Failures;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's connection to one worker. The client's thread sends; a thread of the link's own
 * receives, and hands each answer to whoever asked for it, on that thread. {@link #close} may come
 * from any.
 */
final class WorkerLink implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerLink.class);
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);

  private final RoutedWorker worker;
  private final int number;
  private final SocketChannel socket;
  private final RpcClientChannel channel;
  private final Optional<RouteTerms> terms;
  private final long slotBytes;
  private final long graphBytes;
  private final Losses losses;
  private final Queue<Answer> waiting = new ConcurrentLinkedQueue<>();
  private final Thread reader;
  private volatile Ahead ahead = () -> {};
  private volatile boolean closed;

  /** What another thread still sends, and what all others' must not overtake. */
  interface Ahead {
    /** Waits until it has been sent. */
    void settle() throws WorkerLostException;
  }

  /** Hears that a worker is lost, once, from the link's thread or the client's. */
  interface Losses {
    void lost(RoutedWorker worker, String how);
  }

  /** Takes an answer, on the link's thread; what it throws ends the link. */
  interface Answer {
    /**
     * The answer has come.
     *
     * @param from for the data of a {@link RpcResponse.TensorData}, all of which must be received
     */
    void accept(RpcResponse response, RpcClientChannel from) throws IOException;

    /** It will never come. */
    default void lost(WorkerLostException why) {}
  }

  private WorkerLink(
      RoutedWorker worker,
      int number,
      SocketChannel socket,
      RpcClientChannel channel,
      Optional<RouteTerms> terms,
      RouteResponse.Welcome welcome,
      Losses losses,
      String name) {
    this.worker = worker;
    this.number = number;
    this.socket = socket;
    this.channel = channel;
    this.terms = terms;
    this.slotBytes = welcome.slotBytes();
    this.graphBytes = welcome.graphBytes();
    this.losses = losses;
    this.reader =
        Thread.ofPlatform().name(name + "-" + worker.name()).daemon(true).start(this::run);
    worker.meters().connectionOpened();
  }

  /**
   * Connects and agrees on what both sides can do.
   *
   * @param number position of the worker
   * @param features what to ask for
   * @param name of the client's connection, for threads and logs
   */
  static WorkerLink open(
      RoutedWorker worker,
      int number,
      Set<RouteFeature> features,
      WireLimits limits,
      Losses losses,
      String name)
      throws WorkerLostException {
    SocketChannel socket = null;
    var late = new AtomicBoolean();
    Thread watch = null;
    try {
      socket = SocketChannel.open();
      watch = endAfterLimit(socket, late);
      var channel = connect(socket, worker, limits);
      var accepted = channel.hello(RouteTerms.router(features).capabilities());
      var terms = RouteTerms.of(accepted.capabilities());
      var welcome = new RouteResponse.Welcome(0, 0);
      if (terms.isPresent()) {
        channel.speakToWorker();
        welcome = welcome(channel);
      }
      socket.setOption(StandardSocketOptions.SO_LINGER, -1);
      return new WorkerLink(worker, number, socket, channel, terms, welcome, losses, name);
    } catch (IOException | RuntimeException e) {
      closeQuietly(socket);
      String how =
          "cannot be reached at "
              + worker.host()
              + ":"
              + worker.port()
              + ": "
              + (late.get() ? "no answer to HELLO" : Failures.describe(e));
      losses.lost(worker, how);
      throw new WorkerLostException(how);
    } finally {
      if (watch != null) {
        watch.interrupt();
      }
    }
  }

  /** A blocking read has no limit of its own. */
  private static Thread endAfterLimit(SocketChannel socket, AtomicBoolean late) {
    return Thread.ofVirtual()
        .start(
            () -> {
              try {
                Thread.sleep(CONNECT_LIMIT);
                late.set(true);
                closeQuietly(socket);
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt(); // It was in time.
              }
            });
  }

  private static RouteResponse.Welcome welcome(RpcClientChannel channel) throws IOException {
    var reply = channel.next();
    if (reply == null) {
      throw new IOException("it closed the connection instead of saying what it keeps");
    }
    return (RouteResponse.Welcome) reply.response();
  }

  private static RpcClientChannel connect(
      SocketChannel socket, RoutedWorker worker, WireLimits limits) throws IOException {
    // Until it is served: a stock worker that comes to answer a HELLO whose client has gone by a
    // normal close is killed by that; a reset is harmless to it (4.3 of docs/protocol.md).
    socket.setOption(StandardSocketOptions.SO_LINGER, 0);
    socket
        .socket()
        .connect(
            new InetSocketAddress(worker.host(), worker.port()), (int) CONNECT_LIMIT.toMillis());
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    KeepAlive.on(socket);
    return RpcClientChannel.over(
        worker.transport().connected(socket, worker.host(), worker.port()),
        limits,
        worker.meters());
  }

  /**
   * Has the worker end its side, which may wait for another worker that will never come, and not
   * notice that this one has gone. Returns at once.
   */
  void endThere() {
    if (terms.isPresent()) {
      Thread.ofVirtual()
          .start(
              () -> {
                try (var end = SocketChannel.open();
                    var there = connect(end, worker, WireLimits.defaults())) {
                  there.hello(RouteTerms.end(token()).capabilities());
                } catch (IOException | RuntimeException e) {
                  LOG.debug("Worker {} was not told of an end: {}", worker.name(), e.toString());
                }
              });
    }
  }

  RoutedWorker worker() {
    return worker;
  }

  /** The worker's position. */
  int number() {
    return number;
  }

  /** Whether both sides have agreed to it. */
  boolean has(RouteFeature feature) {
    return terms.map(agreed -> agreed.features().contains(feature)).orElse(false);
  }

  /** By which other workers find this one's end of the connection. */
  long token() {
    return terms.map(RouteTerms::token).orElse(0L);
  }

  long slotBytes() {
    return slotBytes;
  }

  long graphBytes() {
    return graphBytes;
  }

  /** Has all that is sent from now on wait for what another thread sends. */
  void follow(Ahead first) {
    ahead = first;
  }

  /** Puts a one-way request into the buffer; {@link #flush} sends it. */
  void send(RpcRequest request) throws WorkerLostException {
    ahead.settle();
    sendNow(request);
  }

  /** As {@link #send}, by whom the others wait for. */
  void sendNow(RpcRequest request) throws WorkerLostException {
    carryOut(() -> channel.send(request));
  }

  /** As {@link #send}, with data, all of it. */
  void send(RpcRequest request, ByteBuffer data) throws WorkerLostException {
    ahead.settle();
    carryOut(
        () -> {
          channel.send(request);
          channel.sendData(data);
        });
  }

  /** More data of the request sent last. */
  void sendData(ByteBuffer data) throws WorkerLostException {
    carryOut(() -> channel.sendData(data));
  }

  /** Puts a request into the buffer whose answer somebody waits for. */
  void send(RpcRequest request, Answer answer) throws WorkerLostException {
    ahead.settle();
    sendNow(request, answer);
  }

  /** As {@link #send}, by whom the others wait for. */
  void sendNow(RpcRequest request, Answer answer) throws WorkerLostException {
    waiting.add(answer);
    sendNow(request);
  }

  /** As {@link #send(RpcRequest, Answer)}, with data, all of it. */
  void send(RpcRequest request, ByteBuffer data, Answer answer) throws WorkerLostException {
    waiting.add(answer);
    send(request, data);
  }

  void flush() throws WorkerLostException {
    carryOut(channel::flush);
  }

  /** Asks and waits for the answer, which must not be data. */
  <R extends RpcResponse> R ask(RpcRequest request, Class<R> type) throws WorkerLostException {
    var result = new CompletableFuture<R>();
    send(
        request,
        new Answer() {
          @Override
          public void accept(RpcResponse response, RpcClientChannel from) {
            result.complete(type.cast(response));
          }

          @Override
          public void lost(WorkerLostException why) {
            result.completeExceptionally(why);
          }
        });
    flush();
    return await(result);
  }

  /** Waits for what an answer completes. */
  static <R> R await(CompletableFuture<R> result) throws WorkerLostException {
    try {
      return result.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new WorkerLostException("the router stops");
    } catch (ExecutionException e) {
      throw new WorkerLostException(String.valueOf(e.getMessage()));
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  private void carryOut(Step step) throws WorkerLostException {
    try {
      step.run();
    } catch (IOException e) {
      throw failed("broke the connection: " + Failures.describe(e));
    }
  }

  private void run() {
    try {
      while (true) {
        var reply = channel.next();
        if (reply == null) {
          failed("closed the connection");
          return;
        }
        if (reply.command().notice()) {
          throw new RpcProtocolException(
              ProtocolFault.UNEXPECTED_RESPONSE, reply.command() + " came a second time");
        }
        // Where it can be found if it fails: whoever asked must hear of it.
        var asked = waiting.peek();
        if (asked == null) {
          throw new IllegalStateException("An answer that nobody has asked for");
        }
        asked.accept(reply.response(), channel);
        waiting.remove(asked);
      }
    } catch (ClientGoneException | WorkerLostException e) {
      // No fault of this worker.
      LOG.debug("The link to worker {} ends: {}", worker.name(), e.toString());
      close();
    } catch (RpcProtocolException e) {
      worker.meters().rejected(e.fault());
      failed("does not speak the protocol: " + e.getMessage());
    } catch (ClosedChannelException _) {
      failed("was let go");
    } catch (IOException e) {
      failed("broke the connection: " + Failures.describe(e));
    } catch (RuntimeException e) {
      LOG.error("The link to worker {} failed", worker.name(), e);
      failed("was let go after a fault of the router");
    }
  }

  /** The first to notice says it; whoever waits for an answer hears the same. */
  private WorkerLostException failed(String how) {
    if (!closed) {
      losses.lost(worker, how);
    }
    close();
    return new WorkerLostException("worker " + worker.name() + " " + how);
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    worker.meters().connectionClosed();
    closeQuietly(socket);
    var why = new WorkerLostException("worker " + worker.name() + " is not connected any more");
    for (var asked = waiting.poll(); asked != null; asked = waiting.poll()) {
      asked.lost(why);
    }
    // The channel gives its memory back when its reader has left it, which may be this thread.
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                reader.join();
                channel.close();
              } catch (IOException e) {
                LOG.debug("The link to worker {} did not close", worker.name(), e);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  private static void closeQuietly(@Nullable SocketChannel socket) {
    try {
      if (socket != null) {
        socket.close();
      }
    } catch (IOException e) {
      LOG.debug("A socket did not close", e);
    }
  }
}
