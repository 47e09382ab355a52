// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.head.KeepAlive;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameScanner;
import dev.knarr.rpc.wire.LinkPlaces;
import dev.knarr.rpc.wire.ResponseTracker;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client connection and its connection to the worker. Two platform threads, one for each
 * direction, read, count and write; the last of them gives everything back. {@link #close} may come
 * from any thread.
 */
final class RelayConnection {

  private static final Logger LOG = LoggerFactory.getLogger(RelayConnection.class);

  /** Measured on loopback: more does not make loading faster, less makes more calls. */
  private static final int BUFFER_BYTES = 256 << 10;

  private final Relay.RelayTarget target;
  private final String name;
  private final SocketChannel client;
  private final Relay.WorkerLink worker;
  private final @Nullable LinkPlaces places;
  private final Consumer<RelayConnection> onEnd;
  private final ResponseTracker tracker;
  private final RelayTraffic traffic;
  private final Thread upstream;
  private final Thread downstream;
  private final AtomicInteger running = new AtomicInteger(2);

  /** Which side ended the connection; whoever is first has the say. */
  private final AtomicReference<Cause> cause = new AtomicReference<>(Cause.NONE);

  /** Whether the worker has served this connection; written by the thread that reads from it. */
  private volatile boolean answered;

  private enum Cause {
    NONE,
    CLIENT,
    WORKER,
    RELAY
  }

  RelayConnection(
      Relay.RelayTarget target,
      long number,
      SocketChannel client,
      Relay.WorkerLink worker,
      @Nullable LinkPlaces places,
      Consumer<RelayConnection> onEnd) {
    this.target = target;
    this.name = target.worker() + "-" + number;
    this.client = client;
    this.worker = worker;
    this.places = places;
    this.onEnd = onEnd;
    this.tracker = new ResponseTracker(target.limits());
    this.traffic = new RelayTraffic(target);
    this.upstream =
        Thread.ofPlatform().name("relay-" + name + "-up").daemon(true).unstarted(this::runUp);
    this.downstream =
        Thread.ofPlatform().name("relay-" + name + "-down").daemon(true).unstarted(this::runDown);
  }

  void start() {
    target.meters().connectionOpened();
    upstream.start();
    downstream.start();
  }

  private void runUp() {
    FrameScanner scanner =
        FrameScanner.requests(target.limits(), tracker, target.meters(), traffic::request, places);
    run(client, worker.channel(), scanner, true);
  }

  private void runDown() {
    FrameScanner scanner =
        FrameScanner.responses(target.limits(), tracker, target.meters(), traffic::response);
    run(worker.channel(), client, scanner, false);
  }

  private void run(ByteChannel from, ByteChannel to, FrameScanner scanner, boolean up) {
    try {
      setOptions(up ? client : worker.socket(), !up);
      pump(from, to, scanner, up);
    } catch (RpcProtocolException e) {
      refuse(e, up);
    } catch (ClosedChannelException _) {
      // The other direction, or close(), has ended the connection and said why.
    } catch (IOException e) {
      LOG.debug("conn {}: {}", name, e.getMessage());
    } catch (RuntimeException e) {
      LOG.error("conn {}: closed by a fault of the relay", name, e);
      end(Cause.RELAY);
    } finally {
      if (running.decrementAndGet() == 0) {
        end(Cause.RELAY);
        target.meters().connectionClosed();
        onEnd.accept(this);
      }
    }
  }

  private static void setOptions(SocketChannel channel, boolean remote) throws IOException {
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    if (remote) {
      // Until it is served: a stock worker that comes to answer a HELLO whose client has gone by a
      // normal close is killed by that; a reset is harmless to it (4.3 of docs/protocol.md).
      channel.setOption(StandardSocketOptions.SO_LINGER, 0);
      KeepAlive.on(channel);
    }
  }

  /** Passes bytes on until the stream ends; what is not the protocol is not passed on. */
  private void pump(ByteChannel from, ByteChannel to, FrameScanner scanner, boolean up)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      ByteBuffer buffer = arena.allocate(BUFFER_BYTES, 64).asByteBuffer();
      while (read(from, buffer, up)) {
        buffer.flip();
        // Before the bytes go on: their answer must not overtake what the scanner knows of them.
        scanner.feed(buffer);
        write(to, buffer, up);
        buffer.clear();
      }
      ended(to, scanner, up);
    }
  }

  private boolean read(ByteChannel from, ByteBuffer buffer, boolean up) throws IOException {
    try {
      int bytes = from.read(buffer);
      if (!up && !answered) {
        answered = true;
        worker.socket().setOption(StandardSocketOptions.SO_LINGER, -1);
      }
      return bytes >= 0;
    } catch (ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      broken(up, Failures.describe(e));
      throw e;
    }
  }

  private void write(ByteChannel to, ByteBuffer buffer, boolean up) throws IOException {
    try {
      while (buffer.hasRemaining()) {
        to.write(buffer);
      }
    } catch (ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      broken(!up, Failures.describe(e));
      throw e;
    }
  }

  /** One side has said all it had to say; the other may still be talking. */
  private void ended(ByteChannel to, FrameScanner scanner, boolean up) throws IOException {
    if (up) {
      cause.compareAndSet(Cause.NONE, Cause.CLIENT);
      if (!answered) {
        // Gone without having been served: a reset, for the worker's sake, and at once.
        end(Cause.CLIENT);
        return;
      }
    } else if (cause.compareAndSet(Cause.NONE, Cause.WORKER)) {
      lost(
          scanner.atFrameBoundary()
              ? "closed the connection"
              : "closed the connection in the middle of an answer");
    }
    if (to.isOpen()) {
      Transport.shutdownOutput(to);
    }
  }

  private void broken(boolean clientSide, String how) {
    if (clientSide) {
      end(Cause.CLIENT);
    } else {
      if (cause.compareAndSet(Cause.NONE, Cause.WORKER)) {
        lost("broke the connection: " + how);
      }
      end(Cause.WORKER);
    }
  }

  private void lost(String how) {
    LOG.debug("conn {}: worker {} {}", name, target.worker(), how); // The listener says it aloud.
    target.listener().workerFailed(target.worker(), how);
  }

  private void refuse(RpcProtocolException e, boolean up) {
    target.meters().rejected(e.fault());
    if (up) {
      LOG.warn("conn {}: closed, the client does not speak the protocol: {}", name, e.getMessage());
      end(Cause.CLIENT);
    } else {
      LOG.debug(
          "conn {}: closed, the worker does not speak the protocol: {}", name, e.getMessage());
      if (cause.compareAndSet(Cause.NONE, Cause.WORKER)) {
        target
            .listener()
            .workerFailed(target.worker(), "does not speak the protocol: " + e.getMessage());
      }
      end(Cause.WORKER);
    }
  }

  /** Closes both sides; a second call does nothing. */
  private void end(Cause who) {
    cause.compareAndSet(Cause.NONE, who);
    closeQuietly(client);
    closeQuietly(worker.socket());
  }

  private void closeQuietly(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("conn {}: a socket did not close", name, e);
    }
  }

  /** Whether the worker has answered anything on this connection. */
  boolean isServed() {
    return answered;
  }

  /** Ends the connection from outside. */
  void close() {
    end(Cause.RELAY);
  }

  /** Waits until both threads are gone, or until the deadline of {@link System#nanoTime}. */
  void join(long deadline) {
    try {
      for (Thread thread : new Thread[] {upstream, downstream}) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left > 0) {
          thread.join(left);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
