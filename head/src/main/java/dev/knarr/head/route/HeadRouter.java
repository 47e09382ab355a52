// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.gguf.GgufFile;
import dev.knarr.head.relay.RelayListener;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.wire.MessageBudget;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A loopback port at which all workers are one RPC server with all their devices. One thread
 * accepts; each client has one, and one for each worker. Any thread may call.
 */
public final class HeadRouter implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HeadRouter.class);
  private static final Duration ACCEPT_PAUSE = Duration.ofMillis(500);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final Settings settings;
  private final ServerSocketChannel listener;
  private final int port;
  private final ModelFiles models;
  private final AtomicLong numbers = new AtomicLong();
  private final Map<Served, Thread> clients = new ConcurrentHashMap<>();
  private volatile Offer offer;

  /**
   * What a router stands for.
   *
   * @param workers in the order of their positions
   * @param features what to agree on with workers that can
   * @param listener who hears of losses and weights
   * @param meters where all is counted that is not one worker's
   * @param models that clients may load
   */
  public record Settings(
      List<RoutedWorker> workers,
      Set<RouteFeature> features,
      RelayListener listener,
      RouterMeters meters,
      Models models) {
    public Settings {
      workers = List.copyOf(workers);
      features = Set.copyOf(features);
    }

    /** Settings without models. */
    public Settings(
        List<RoutedWorker> workers,
        Set<RouteFeature> features,
        RelayListener listener,
        RouterMeters meters) {
      this(workers, features, listener, meters, Models.NONE);
    }
  }

  /**
   * Models that clients may load. Weights of others are held in memory on their way.
   *
   * @param hashes folder for the hashes of their tensors, which then are not worked out again after
   *     the next start
   */
  public record Models(List<GgufFile> files, Optional<Path> hashes) {
    /** None that is known. */
    public static final Models NONE = new Models(List.of(), Optional.empty());

    public Models {
      files = List.copyOf(files);
    }
  }

  /** A client and what it keeps the workers busy with. */
  private record Served(SocketChannel socket, WorkerLinks links) {}

  /**
   * Opens a router on a free loopback port.
   *
   * @param devices in the order in which clients see them
   * @throws IOException when there is no port to be had
   */
  public static HeadRouter open(Settings settings, List<RoutedDevice> devices) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open();
    try {
      // 127.0.0.1 and not the loopback of this machine's taste: stock clients resolve to IPv4.
      listener.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0));
      var router = new HeadRouter(settings, listener, devices);
      Thread.ofPlatform().name("router").daemon(true).start(router::accept);
      return router;
    } catch (IOException e) {
      listener.close();
      throw e;
    }
  }

  /** What the next client sees. */
  private record Offer(List<RoutedWorker> workers, List<RoutedDevice> devices) {
    private Offer {
      workers = List.copyOf(workers);
      devices = List.copyOf(devices);
    }
  }

  private HeadRouter(Settings settings, ServerSocketChannel listener, List<RoutedDevice> devices)
      throws IOException {
    this.settings = settings;
    this.listener = listener;
    this.offer = new Offer(settings.workers(), devices);
    this.models = ModelFiles.open(settings.models().files(), settings.models().hashes());
    this.port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
  }

  /** The address to give to llama-server. */
  public String address() {
    return "127.0.0.1:" + port;
  }

  /**
   * Offers other devices from the next client on. A client keeps what it knows of devices for as
   * long as it lives, so there must be none.
   */
  public void offer(List<RoutedDevice> chosen) {
    offer = new Offer(settings.workers(), chosen);
  }

  /**
   * The same with a worker more, whose first device comes last.
   *
   * @param last the worker
   */
  public void offer(List<RoutedDevice> chosen, RoutedWorker last) {
    offer =
        new Offer(
            Stream.concat(settings.workers().stream(), Stream.of(last)).toList(),
            Stream.concat(
                    chosen.stream(), Stream.of(new RoutedDevice(settings.workers().size(), 0)))
                .toList());
  }

  private void accept() {
    while (listener.isOpen()) {
      try {
        serve(listener.accept());
      } catch (AsynchronousCloseException _) {
        return;
      } catch (IOException e) {
        // Out of file descriptors, for instance: the next connection may fare better.
        LOG.warn("The router cannot accept a connection", e);
        LockSupport.parkNanos(ACCEPT_PAUSE.toNanos()); // Neither a busy loop nor a flood of lines.
      }
    }
  }

  private void serve(SocketChannel socket) throws IOException {
    String name = "router-" + numbers.incrementAndGet();
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    var channel =
        RpcServerChannel.over(
            socket, WireLimits.defaults(), MessageBudget.unlimited(), settings.meters);
    var offered = offer;
    var links =
        new WorkerLinks(
            settings,
            offered.workers,
            offered.devices,
            new ClientAnswers(channel),
            (worker, how) -> lost(socket, worker, how),
            name);
    var served = new Served(socket, links);
    var thread =
        Thread.ofPlatform().name(name).daemon(true).unstarted(() -> run(served, channel, name));
    clients.put(served, thread);
    thread.start();
    if (!listener.isOpen()) {
      end(served);
    }
  }

  /** What a client has on a lost worker is gone, so the client has to go too. */
  private void lost(SocketChannel client, RoutedWorker worker, String how) {
    LOG.debug("Worker {} {}", worker.name(), how); // The listener says it aloud.
    settings.listener().workerFailed(worker.name(), how);
    close(client);
  }

  private void run(Served served, RpcServerChannel channel, String name) {
    try (channel;
        var session = new ClientSession(channel, served.links, models)) {
      while (session.next()) {
        // Each request is out of reach before the next is waited for.
      }
      session.finish();
      return;
    } catch (RpcProtocolException e) {
      LOG.warn("{}: closed, the client does not speak the protocol: {}", name, e.getMessage());
    } catch (WorkerLostException | ClosedChannelException e) {
      LOG.debug("{}: {}", name, e.toString());
    } catch (IOException e) {
      LOG.debug("{}: the client is gone: {}", name, e.toString());
    } catch (RuntimeException | Error e) {
      LOG.error("{}: closed by a fault of the router", name, e);
    } finally {
      close(served.socket);
      clients.remove(served);
    }
    // What it has left half done must not keep a worker waiting.
    end(served);
  }

  private static void end(Served served) {
    close(served.socket);
    served.links.abort();
  }

  private static void close(SocketChannel socket) {
    try {
      socket.close();
    } catch (IOException e) {
      LOG.debug("A client's socket did not close", e);
    }
  }

  /** Ends all clients, not the router itself: nothing of an ended client is left behind. */
  public void closeConnections() {
    var ending = Map.copyOf(clients);
    ending.keySet().forEach(HeadRouter::end);
    long deadline = System.nanoTime() + CLOSE_LIMIT.toNanos();
    for (var thread : ending.values()) {
      try {
        thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      LOG.debug("The router's port did not close", e);
    }
    closeConnections();
    models.close();
  }
}
