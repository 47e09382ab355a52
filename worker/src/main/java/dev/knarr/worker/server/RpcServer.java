// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.MessageBudget;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.worker.cache.TensorCache;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.LogGate;
import dev.knarr.worker.graph.GraphStores;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
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

  private static final Duration WATCH_INTERVAL = Duration.ofSeconds(1);

  /** What a graph gets to come to the end of its node, once it has been told to stop. */
  private static final Duration STOP_GRACE = Duration.ofSeconds(2);

  /** As long as the stock worker tries. */
  private static final Duration LINK_JOIN = Duration.ofSeconds(5);

  /** A worker with a slow device may still compute its half of a large batch. */
  private static final Duration LINK_REDUCE = Duration.ofMinutes(5);

  private final ServerSocketChannel listener;
  private final List<Device> devices;
  private final TensorCache cache;
  private final Settings settings;
  private final FrameMeter meter;
  private final ServerEvents events;
  private final GraphStores graphs;
  private final Communicators communicators;
  private final Routers routers;
  private final Map<RpcConnection, Thread> connections = new ConcurrentHashMap<>();
  private final ConnectionLimit places;
  private final Thread accepting;
  private final Thread watching;
  private final CommandLog commandLog = new CommandLog();
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
   * @param budget what the graphs of all clients take while they are read; this server's to close
   * @param routeBytes what the inputs take that are kept for routers
   * @param parkTime how long the weights of routers stay that have gone; zero for not at all
   * @param maxConnections the most clients at once
   * @param maxConnectionsPerAddress the most of them from one address
   * @param helloTimeout how long a client may take to say HELLO
   * @param messageTimeout how long a client may keep the worker waiting in the middle of a message
   * @param graphTimeout how long a device may compute one graph
   * @param stopTimeout how long running graphs may take to finish when the server is closed
   */
  public record Settings(
      InetSocketAddress address,
      Transport transport,
      Optional<Transport> links,
      WireLimits limits,
      MessageBudget budget,
      long routeBytes,
      Duration parkTime,
      int maxConnections,
      int maxConnectionsPerAddress,
      Duration helloTimeout,
      Duration messageTimeout,
      Duration graphTimeout,
      Duration stopTimeout) {}

  /**
   * Opens the port and starts serving.
   *
   * @param cache where to look for weights; it must outlive the server
   * @throws IOException if the port cannot be opened
   */
  public static RpcServer open(
      Settings settings,
      List<Device> devices,
      GraphStores graphs,
      TensorCache cache,
      FrameMeter meter,
      ServerEvents events)
      throws IOException {
    var listener = ServerSocketChannel.open();
    try {
      listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      listener.bind(settings.address, BACKLOG);
      return new RpcServer(listener, settings, devices, graphs, cache, meter, events);
    } catch (IOException e) {
      listener.close();
      throw e;
    }
  }

  private RpcServer(
      ServerSocketChannel listener,
      Settings settings,
      List<Device> devices,
      GraphStores graphs,
      TensorCache cache,
      FrameMeter meter,
      ServerEvents events) {
    this.listener = listener;
    this.settings = settings;
    this.devices = List.copyOf(devices);
    this.graphs = graphs;
    this.cache = cache;
    this.meter = meter;
    this.events = events;
    this.places = new ConnectionLimit(settings.maxConnections, settings.maxConnectionsPerAddress);
    this.communicators =
        new Communicators(
            new Communicators.Settings(
                settings.address.getAddress(), settings.links, LINK_JOIN, LINK_REDUCE),
            events);
    this.routers =
        new Routers(
            settings.routeBytes,
            graphs,
            settings.links.isPresent(),
            settings.parkTime.isPositive());
    this.accepting = Thread.ofPlatform().name("rpc-accept").start(this::accept);
    this.watching = Thread.ofVirtual().name("rpc-watch").start(this::watch);
  }

  /** Where the server listens, with the port it got. */
  public InetSocketAddress address() {
    try {
      return (InetSocketAddress) listener.getLocalAddress();
    } catch (IOException e) {
      throw new IllegalStateException("The RPC server is closed.", e);
    }
  }

  /** What logs the commands of this server's connections. */
  public CommandLog commandLog() {
    return commandLog;
  }

  /** The clients that are connected, those that came first in front. */
  public List<ConnectionReport> connections() {
    var now = List.copyOf(connections.keySet());
    long all = now.stream().mapToLong(connection -> connection.use().deviceNanos()).sum();
    return now.stream()
        .map(connection -> connection.report(all))
        .sorted(Comparator.comparingInt(ConnectionReport::id))
        .toList();
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
      var peer = (InetSocketAddress) socket.getRemoteAddress();
      var refusal = places.take(peer.getAddress());
      if (refusal.isPresent()) {
        events.turnedAway();
        LOG.atLevel(turnedAway.level()).log("{} was turned away: {}", peer, refusal.get());
        return;
      }
      try {
        start(number, socket, peer);
        served = true;
      } finally {
        if (!served) {
          places.give(peer.getAddress());
        }
      }
    } catch (OutOfMemoryError e) {
      throw new IOException("no thread or memory for it", e);
    } finally {
      if (!served) {
        socket.close();
      }
    }
  }

  /** Starts to serve a client, whose socket and place then belong to its connection. */
  private void start(int number, SocketChannel socket, InetSocketAddress peer) throws IOException {
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    noticeDeath(socket);
    var links = communicators.of(peer.getAddress());
    var session = new Session(devices, graphs, links, cache, events);
    var connection =
        new RpcConnection(
            number,
            socket,
            peer,
            settings.transport,
            session,
            settings.limits,
            settings.budget,
            meter,
            events,
            commandLog,
            routers,
            communicators);
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
                    places.give(peer.getAddress());
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

  /** Ends what has come to a limit in time, again and again, whatever goes wrong in between. */
  private void watch() {
    Map<RpcConnection, Stalls> stalls = new HashMap<>();
    while (!closed) {
      pause(WATCH_INTERVAL);
      try {
        endLate(stalls);
      } catch (RuntimeException | OutOfMemoryError e) {
        LOG.error("The limits in time could not be looked at; they will be again", e);
      }
    }
  }

  /** Ends clients that keep a thread waiting, links without an end, and graphs. */
  private void endLate(Map<RpcConnection, Stalls> stalls) {
    stalls.keySet().retainAll(connections.keySet());
    commandLog.expire();
    communicators.endLate();
    for (var connection : connections.keySet()) {
      if (!connection.hasSaidHello()) {
        if (connection.ageNanos() > settings.helloTimeout.toNanos()) {
          connection.expire("it did not say HELLO within " + settings.helloTimeout);
        }
      } else if (stalls
          .computeIfAbsent(connection, _ -> Stalls.within(settings.messageTimeout))
          .found(connection)) {
        connection.expire(
            "it kept the worker waiting in the middle of a message for %s (knarr.worker.message-timeout)"
                .formatted(settings.messageTimeout));
      }
    }
    devices.forEach(device -> device.stopGraphOver(settings.graphTimeout));
    devices.forEach(device -> device.parked().expire(settings.parkTime));
  }

  /** The watches over both directions of a connection. */
  private record Stalls(StallWatch reading, StallWatch writing) {
    static Stalls within(Duration limit) {
      return new Stalls(new StallWatch(limit), new StallWatch(limit));
    }

    boolean found(RpcConnection connection) {
      return connection.channel().filter(this::found).isPresent();
    }

    private boolean found(RpcServerChannel channel) {
      long now = System.nanoTime();
      // Both always: a watch has to see its direction every time.
      boolean unsent = reading.hasStalled(channel.reading().mark(), now);
      boolean unread = writing.hasStalled(channel.writing().mark(), now);
      return unsent || unread;
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
    settings.budget.close();
    interrupted |= !join(ending.values(), deadline);
    if (ending.values().stream().anyMatch(Thread::isAlive)) {
      devices.forEach(Device::stopGraphs);
      interrupted |= !join(ending.values(), System.nanoTime() + STOP_GRACE.toNanos());
    }
    long late = ending.values().stream().filter(Thread::isAlive).count();
    LOG.info("RPC server stopped: {} clients ended, {} still computing", ending.size(), late);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static boolean join(Collection<Thread> threads, long deadline) {
    boolean joined = true;
    for (var thread : threads) {
      joined &= join(thread, deadline);
    }
    return joined;
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
