// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.LinkPlaces;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A loopback port that stands for one worker: whoever connects to it talks to the worker, and every
 * frame is counted on the way. One thread accepts; two threads serve each connection. Any thread
 * may call.
 */
public final class Relay implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Relay.class);
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
  private static final Duration ACCEPT_PAUSE = Duration.ofMillis(500);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final RelayTarget target;
  private final ServerSocketChannel listener;
  private final int port;
  private final Thread acceptor;
  private final AtomicLong numbers = new AtomicLong();
  private volatile @Nullable LinkPlaces places;
  private final Set<RelayConnection> connections = ConcurrentHashMap.newKeySet();

  private Relay(RelayTarget target, ServerSocketChannel listener) throws IOException {
    this.target = target;
    this.listener = listener;
    this.port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
    this.acceptor =
        Thread.ofPlatform().name("relay-" + target.worker()).daemon(true).unstarted(this::accept);
  }

  /**
   * What a relay stands for.
   *
   * @param worker the worker's name in the plan
   * @param host where it is
   * @param port its RPC port
   * @param transport how to speak to it; a client of the relay is on this machine, and plain
   * @param meters where frames are counted
   * @param limits what is still taken for a frame
   * @param listener who hears of losses and weights
   */
  public record RelayTarget(
      String worker,
      String host,
      int port,
      Transport transport,
      RelayMeters meters,
      WireLimits limits,
      RelayListener listener) {

    String address() {
      return host + ":" + port;
    }
  }

  /**
   * Opens a relay on a free loopback port.
   *
   * @throws IOException when there is no port to be had
   */
  public static Relay open(RelayTarget target) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open();
    try {
      // 127.0.0.1 and not the loopback of this machine's taste: stock clients resolve to IPv4.
      listener.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0));
      Relay relay = new Relay(target, listener);
      relay.acceptor.start();
      return relay;
    } catch (IOException e) {
      listener.close();
      throw e;
    }
  }

  /** Returns the address to give to llama-server. */
  public String address() {
    return "127.0.0.1:" + port;
  }

  /** Returns the loopback port. */
  public int port() {
    return port;
  }

  /** Says where this worker and another meet to split tensors; for connections to come. */
  public void meetAt(LinkPlaces agreed) {
    places = agreed;
  }

  /** Returns how many connections are open. */
  public int connectionCount() {
    return connections.size();
  }

  private void accept() {
    while (listener.isOpen()) {
      try {
        serve(listener.accept());
      } catch (AsynchronousCloseException _) {
        return;
      } catch (IOException e) {
        // Out of file descriptors, for instance: the next connection may fare better.
        LOG.warn("The relay of worker {} cannot accept a connection", target.worker(), e);
        LockSupport.parkNanos(ACCEPT_PAUSE.toNanos()); // Neither a busy loop nor a flood of lines.
      }
    }
  }

  private void serve(SocketChannel client) throws IOException {
    WorkerLink worker;
    try {
      worker = connect();
    } catch (IOException e) {
      client.close();
      String how = "cannot be reached at " + target.address() + ": " + Failures.describe(e);
      LOG.debug("Worker {} {}", target.worker(), how); // The listener says it aloud.
      target.listener().workerFailed(target.worker(), how);
      return;
    }
    RelayConnection connection =
        new RelayConnection(
            target, numbers.incrementAndGet(), client, worker, places, connections::remove);
    connections.add(connection);
    connection.start();
    if (!listener.isOpen()) {
      connection.close();
    }
  }

  private WorkerLink connect() throws IOException {
    SocketChannel channel = SocketChannel.open();
    try {
      Socket socket = channel.socket();
      socket.connect(
          new InetSocketAddress(target.host(), target.port()), (int) CONNECT_LIMIT.toMillis());
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      return new WorkerLink(
          channel, target.transport().connected(channel, target.host(), target.port()));
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e instanceof IOException io ? io : new IOException(e.getMessage(), e);
    }
  }

  /**
   * A connection to the worker.
   *
   * @param socket for its options
   * @param channel for the bytes; ends with the socket
   */
  record WorkerLink(SocketChannel socket, ByteChannel channel) {}

  /** Ends all connections, not the relay itself: nothing of an ended client is left behind. */
  public void closeConnections() {
    long deadline = System.nanoTime() + CLOSE_LIMIT.toNanos();
    // Those that wait to be served first: otherwise a stock worker turns to them just as they go.
    connections.stream().filter(waiting -> !waiting.isServed()).forEach(RelayConnection::close);
    connections.forEach(RelayConnection::close);
    for (RelayConnection connection : connections) {
      connection.join(deadline);
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      LOG.debug("The port of the relay of worker {} did not close", target.worker(), e);
    }
    closeConnections();
  }
}
