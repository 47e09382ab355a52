// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.ggml.GgmlException;
import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.MessageBudget;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.worker.device.LogGate;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * One client: reads its requests one after the other and has its {@link Session} carry them out.
 * {@link #run} belongs to the connection's own platform thread; everything else may be called by
 * any, {@link #expire} by one.
 */
final class RpcConnection implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(RpcConnection.class);
  private static final LogGate REFUSALS = new LogGate(LOG);

  private static final double NANOS_PER_SECOND = 1e9;

  private final int number;
  private final SocketChannel socket;
  private final SocketAddress peer;
  private final Transport transport;
  private final Session session;
  private final FrameMeter meter;
  private final WireLimits limits;
  private final MessageBudget budget;
  private final ServerEvents events;
  private final CommandLog commandLog;
  private final Routers routers;
  private final Communicators communicators;
  private Routers.@Nullable Grant granted; // the connection's thread's
  private Supplier<String> identity = () -> ""; // as granted
  private final long openedNanos = System.nanoTime();
  private final Instant opened = Instant.now();
  private volatile boolean saidHello;
  private volatile @Nullable String abortReason;
  private volatile @Nullable RpcServerChannel open;
  private @Nullable RpcCommand inHand; // the connection's thread's
  private long inHandSinceNanos; // as inHand
  private @Nullable String logged; // its fields, where this command is to be logged; as inHand

  RpcConnection(
      int number,
      SocketChannel socket,
      SocketAddress peer,
      Transport transport,
      Session session,
      WireLimits limits,
      MessageBudget budget,
      FrameMeter meter,
      ServerEvents events,
      CommandLog commandLog,
      Routers routers,
      Communicators communicators) {
    this.number = number;
    this.socket = socket;
    this.peer = peer;
    this.transport = transport;
    this.session = session;
    this.limits = limits;
    this.budget = budget;
    this.meter = meter;
    this.events = events;
    this.commandLog = commandLog;
    this.routers = routers;
    this.communicators = communicators;
  }

  @Override
  public void run() {
    // The thread serves nobody else: every line that it writes has these.
    MDC.put("conn", Integer.toString(number));
    MDC.put("peer", peer.toString());
    try (socket;
        session;
        var secured = transport.accepted(socket);
        var channel = RpcServerChannel.over(secured, limits, budget, meter)) {
      open = channel;
      identity = () -> PeerIdentity.of(secured, address());
      serve(channel);
      LOG.debug("conn={} peer={} closed its connection", number, peer);
    } catch (RpcProtocolException e) {
      // A link that was ended with the connection is no fault of anybody.
      if (abortReason == null) {
        reject(e.fault(), e);
      } else {
        logAborted();
      }
    } catch (GgmlException e) {
      switch (e.fault()) {
        case OUT_OF_MEMORY -> reject(ProtocolFault.BUDGET_EXCEEDED, e);
        case BAD_GRAPH -> reject(ProtocolFault.BAD_GRAPH, e);
        default -> fail(e);
      }
    } catch (TlsException e) {
      LOG.atLevel(REFUSALS.level())
          .log("conn={} peer={} was closed: it {}", number, peer, e.getMessage());
    } catch (IOException e) {
      if (abortReason == null) {
        LOG.debug("conn={} peer={} is gone: {}", number, peer, e.toString());
      } else {
        logAborted();
      }
    } catch (RuntimeException | Error e) {
      fail(e);
    } finally {
      if (granted != null) {
        routers.leave(granted);
      }
    }
  }

  private void serve(RpcServerChannel channel) throws IOException {
    try {
      while (serveNext(channel)) {
        // Each request is out of reach before the next is waited for: a graph may have 76 MiB.
      }
    } catch (IOException e) {
      if (abortReason == null) {
        session.finish();
      }
      throw e;
    }
    session.finish();
  }

  /** Carries out one request; false when the client has said its last. */
  private boolean serveNext(RpcServerChannel channel) throws IOException {
    var request = channel.readRequest();
    if (request == null) {
      return false;
    }
    inHandSinceNanos = System.nanoTime();
    RpcCommand command = request.command();
    inHand = command;
    // A buffer that the command frees has its device before.
    logged = commandLog.isOn() ? text(request) : null;
    var terms =
        request instanceof RpcRequest.Hello(var capabilities)
            ? RouteTerms.of(capabilities).orElse(null)
            : null;
    if (terms == null) {
      session.carryOut(request, channel);
    } else if (!greet(terms, channel)) {
      return false;
    }
    if (command.answered()) {
      channel.flush();
    }
    inHand = null;
    long nanos = System.nanoTime() - inHandSinceNanos;
    events.served(command, nanos);
    if (logged != null) {
      CommandLog.write(number, peer, command, logged, nanos, result(command, channel));
      logged = null;
    }
    if (command == RpcCommand.HELLO) {
      saidHello = true;
    }
    return true;
  }

  /** Answers a program of ours; false when nothing more is to be read here. */
  private boolean greet(RouteTerms terms, RpcServerChannel channel) throws IOException {
    saidHello = true;
    return switch (terms.role()) {
      case ROUTER -> {
        serveRouter(terms, channel);
        yield true;
      }
      case PEER -> {
        servePeer(terms, channel);
        yield false;
      }
      case END -> {
        routers.end(terms.token());
        answer(channel, RouteTerms.end(0).capabilities());
        channel.flush();
        yield false;
      }
    };
  }

  private static void answer(RpcServerChannel channel, Capabilities capabilities)
      throws IOException {
    channel.write(new RpcResponse.HelloAccepted(ProtocolEdition.CURRENT.version(), capabilities));
  }

  private void serveRouter(RouteTerms terms, RpcServerChannel channel) throws IOException {
    var peers = new PeerLinks(communicators, address(), meter);
    var grant = routers.enter(terms, this, peers);
    granted = grant;
    session.serveRouter(grant, peers, identity.get());
    answer(channel, grant.terms().capabilities());
    channel.speakToRouter();
    channel.notice(
        RpcCommand.ROUTE_WELCOME,
        new RouteResponse.Welcome(Math.max(0, grant.slotBytes()), grant.graphBytes()));
  }

  /** Leaves the reading to the connection that the other worker has come for. */
  private void servePeer(RouteTerms terms, RpcServerChannel channel) throws IOException {
    var links = routers.links(terms.token()).orElse(null);
    if (links == null) {
      answer(channel, Capabilities.NONE);
      channel.flush();
      return;
    }
    answer(channel, PeerLinks.welcome(terms));
    channel.speakToRouter();
    var arrival = new PeerLinks.Incoming(channel, socket, new CountDownLatch(1));
    if (links.arrived(terms.link(), arrival)) {
      channel.flush();
      try {
        arrival.ended().await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private InetAddress address() {
    return ((InetSocketAddress) peer).getAddress();
  }

  private @Nullable String text(RpcRequest request) {
    return commandLog.take(number, address()) ? session.text(request) : null;
  }

  private static String result(RpcCommand command, RpcServerChannel channel) {
    return command.answered() ? String.valueOf(channel.lastResponse()) : "ok";
  }

  private void reject(ProtocolFault fault, RuntimeException e) {
    events.rejected(fault);
    if (logged != null && inHand != null) {
      long nanos = System.nanoTime() - inHandSinceNanos;
      CommandLog.write(number, peer, inHand, logged, nanos, "refused, " + fault.metricName());
    }
    var command = inHand == null ? commandOf(e) : inHand.toString();
    MDC.put("command", command);
    MDC.put("fault", fault.metricName());
    LOG.atLevel(REFUSALS.level())
        .log(
            "conn={} peer={} command={} was closed: {} (fault {})",
            number,
            peer,
            command,
            e.getMessage(),
            fault.metricName());
  }

  private static String commandOf(RuntimeException e) {
    return e instanceof RpcProtocolException refusal
        ? refusal.command().map(RpcCommand::toString).orElse("unknown")
        : "unknown";
  }

  /** Ours or a device's, not the peer's: say all there is to say. Other clients go on. */
  private void fail(Throwable e) {
    LOG.error(
        "conn={} peer={} was closed because of an error in the worker{}",
        number,
        peer,
        during(),
        e);
  }

  private void logAborted() {
    LOG.info("conn={} peer={} was closed{}: {}", number, peer, during(), abortReason);
  }

  /** A graph that failed earlier is noticed by the command that waits for it. */
  private String during() {
    return inHand == null ? "" : " during " + inHand;
  }

  boolean hasSaidHello() {
    return saidHello;
  }

  long ageNanos() {
    return System.nanoTime() - openedNanos;
  }

  ConnectionUse use() {
    return session.use();
  }

  /** What this client has had, with its share of {@code allDeviceNanos}. */
  ConnectionReport report(long allDeviceNanos) {
    var use = session.use();
    return new ConnectionReport(
        number,
        peer.toString().replaceFirst("^/", ""),
        opened,
        use.buffers(),
        use.bufferBytes(),
        use.graphs(),
        use.deviceNanos() / NANOS_PER_SECOND,
        allDeviceNanos == 0 ? 0 : Math.min(1, (double) use.deviceNanos() / allDeviceNanos));
  }

  /** The channel, once there is one, whose progress a watchdog may look at. */
  Optional<RpcServerChannel> channel() {
    return Optional.ofNullable(open);
  }

  /** Ends the connection of a client that came to a limit in time, and counts it as refused. */
  void expire(String reason) {
    if (abortReason == null) {
      events.rejected(ProtocolFault.TIMEOUT);
      try {
        // What the client does not read must not stay in the kernel's memory either.
        socket.setOption(StandardSocketOptions.SO_LINGER, 0);
      } catch (IOException e) {
        LOG.debug("conn={} is closed already", number, e);
      }
      abort(reason);
    }
  }

  /** Ends the connection from another thread; its own thread then frees everything. */
  void abort(String reason) {
    abortReason = reason;
    session.abort();
    try {
      socket.close();
    } catch (IOException e) {
      LOG.debug("conn={} could not be closed", number, e);
    }
  }
}
