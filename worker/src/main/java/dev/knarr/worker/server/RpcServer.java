// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.LogGate;
import dev.knarr.worker.graph.GraphCompiler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import jdk.net.ExtendedSocketOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for llama.cpp clients and serves each on a platform thread of its own (virtual threads
 * halve the rate of small tokens). Any thread may call.
 */
public final class RpcServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RpcServer.class);

  /** Clients open a dozen short connections before the long one. */
  private static final int BACKLOG = 128;

  /** As long as the stock worker tries. */
  private static final Duration LINK_JOIN = Duration.ofSeconds(5);

  /** A worker with a slow device may still compute its half of a large batch. */
  private static final Duration LINK_REDUCE = Duration.ofMinutes(5);

  private final ServerSocketChannel listener;
  private final List<Device> devices;
  private final Settings settings;
  private final FrameMeter meter;
  private final ServerEvents events;
  private final GraphCompiler compiler = new GraphCompiler();
  private final Communicators communicators;
  private final Map<RpcConnection, Thread> connections = new ConcurrentHashMap<>();
  private final Thread accepting;
  private final Thread watching;
  private final LogGate turnedAway = new LogGate(LOG);
  private volatile boolean closed;

  /**
   * What a server is opened with.
   *
   * @param address where to listen; port 0 takes any free one
   * @param transport what lies between the protocol and a client's socket
   * @param links what lies between the halves of a tensor split and their socket; empty when this
   *     worker cannot trust another one
   * @param limits what a frame may announce
   * @param maxConnections the most clients at once
   * @param helloTimeout how long a client may take to say HELLO
   * @param stopTimeout how long running graphs may take to finish when the server is closed
   */
  public record Settings(
      InetSocketAddress address,
      Transport transport,
      Optional<Transport> links,
      WireLimits limits,
      int maxConnections,
      Duration helloTimeout,
      Duration stopTimeout) {}

  /**
   * Opens the port and starts serving.
   *
   * @throws IOException if the port cannot be opened
   */
  public static RpcServer open(
      Settings settings, List<Device> devices, FrameMeter meter, ServerEvents events)
      throws IOException {
    var listener = ServerSocketChannel.open();
    try {
      listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      listener.bind(settings.address, BACKLOG);
      return new RpcServer(listener, settings, devices, meter, events);
    } catch (IOException e) {
      listener.close();
      throw e;
    }
  }

  private RpcServer(
      ServerSocketChannel listener,
      Settings settings,
      List<Device> devices,
      FrameMeter meter,
      ServerEvents events) {
    this.listener = listener;
    this.settings = settings;
    this.devices = List.copyOf(devices);
    this.meter = meter;
    this.events = events;
    this.communicators =
        new Communicators(
            new Communicators.Settings(
                settings.address.getAddress(), settings.links, LINK_JOIN, LINK_REDUCE),
            events);
    this.accepting = Thread.ofPlatform().name("rpc-accept").start(this::accept);
    this.watching = Thread.ofVirtual().name("rpc-hello-watch").start(this::closeSilent);
  }

  /** Where the server listens, with the port it got. */
  public InetSocketAddress address() {
    try {
      return (InetSocketAddress) listener.getLocalAddress();
    } catch (IOException e) {
      throw new IllegalStateException("The RPC server is closed.", e);
    }
  }

  private void accept() {
    int number = 0;
    while (!closed) {
      try {
        serve(++number, listener.accept());
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        // One failed accept (a reset in the queue, no descriptor left) is not the end of the
        // server.
        LOG.warn("A client could not be accepted: {}", e.toString());
        pause(Duration.ofMillis(50));
      }
    }
  }

  private void serve(int number, SocketChannel socket) throws IOException {
    boolean served = false;
    try {
      served = start(number, socket);
    } catch (OutOfMemoryError e) {
      throw new IOException("no thread or memory for it", e);
    } finally {
      if (!served) {
        socket.close();
      }
    }
  }

  /** Starts to serve a client, whose socket then belongs to its connection; false if it may not. */
  private boolean start(int number, SocketChannel socket) throws IOException {
    SocketAddress peer = socket.getRemoteAddress();
    if (connections.size() >= settings.maxConnections) {
      LOG.atLevel(turnedAway.level())
          .log(
              "{} was turned away: {} clients are connected (knarr.worker.max-connections)",
              peer,
              connections.size());
      return false;
    }
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    noticeDeath(socket);
    var links = communicators.of(socket.socket().getInetAddress());
    var session = new Session(devices, compiler, links, events);
    var connection =
        new RpcConnection(
            number, socket, peer, settings.transport, session, settings.limits, meter, events);
    var thread =
        Thread.ofPlatform()
            .name("rpc-" + number + " " + peer)
            .daemon(true)
            .unstarted(
                () -> {
                  try {
                    connection.run();
                  } finally {
                    connections.remove(connection);
                    events.disconnected();
                  }
                });
    connections.put(connection, thread);
    events.connected();
    try {
      thread.start();
    } catch (OutOfMemoryError e) {
      connections.remove(connection);
      events.disconnected();
      throw e;
    }
    return true;
  }

  /**
   * A client that vanishes without a word (power, network) holds its buffers until the kernel says
   * so: with its own settings after two hours, with these after a minute and a half.
   */
  private static void noticeDeath(SocketChannel socket) throws IOException {
    socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
    if (socket.supportedOptions().contains(ExtendedSocketOptions.TCP_KEEPIDLE)) {
      socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, 30);
      socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, 10);
      socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, 6);
    }
  }

  /** Closes connections whose client says nothing, which would otherwise hold a thread for ever. */
  private void closeSilent() {
    while (!closed) {
      pause(Duration.ofSeconds(1));
      communicators.endLate();
      for (var connection : connections.keySet()) {
        if (!connection.hasSaidHello() && connection.ageNanos() > settings.helloTimeout.toNanos()) {
          connection.abort("it did not say HELLO within " + settings.helloTimeout);
        }
      }
    }
  }

  private static void pause(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Takes no more clients, ends those there are, and waits for running graphs within the limit. */
  @Override
  public void close() {
    closed = true;
    watching.interrupt();
    try {
      listener.close();
    } catch (IOException e) {
      LOG.debug("The RPC port could not be closed", e);
    }
    long deadline = System.nanoTime() + settings.stopTimeout.toNanos();
    // First the accepting thread: a client it has just taken must be among those that are ended.
    boolean interrupted = !join(accepting, deadline);
    var ending = Map.copyOf(connections);
    ending.keySet().forEach(connection -> connection.abort("the worker stops"));
    int late = 0;
    for (var thread : ending.values()) {
      interrupted |= !join(thread, deadline);
      if (thread.isAlive()) {
        late++;
      }
    }
    LOG.info("RPC server stopped: {} clients ended, {} still computing", ending.size(), late);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static boolean join(Thread thread, long deadline) {
    try {
      thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
      return true;
    } catch (InterruptedException e) {
      return false;
    }
  }
}
