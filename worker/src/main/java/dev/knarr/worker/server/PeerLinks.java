// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Link;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.Direction;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections on which the workers of one llama-server bring each other tensors, as far as one
 * router's connection to this worker is concerned. What is pushed here is pulled there in the same
 * order, since a router says both in the order in which its client copies. The connection's thread
 * only, but for {@link #arrived} and {@link #abort}.
 */
final class PeerLinks implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PeerLinks.class);

  /** Another worker that is asked for its greeting answers at once, or not at all. */
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);

  private static final int MOST_LINKS = 64;

  private final Optional<Transport> transport;
  private final InetAddress client;
  private final FrameMeter meter;
  private final Communicators communicators;
  private final Map<Integer, Outgoing> outgoing = new HashMap<>();
  private final Set<LinkGuard> guards = ConcurrentHashMap.newKeySet();
  private final Map<Integer, Incoming> incoming = new ConcurrentHashMap<>();
  private volatile boolean aborted;

  /**
   * A connection that another worker has made; its own thread waits until the links end.
   *
   * @param channel past its greeting
   * @param ended opened when nothing is read from it any more
   */
  record Incoming(RpcServerChannel channel, SocketChannel socket, CountDownLatch ended) {}

  /** A connection to another worker, past its greeting. */
  private record Outgoing(RpcClientChannel channel, LinkGuard guard) {}

  /**
   * The links of a router's connection.
   *
   * @param communicators whose rules for links between workers hold here too
   * @param client where the router is
   */
  PeerLinks(Communicators communicators, InetAddress client, FrameMeter meter) {
    this.transport = communicators.settings().transport();
    this.communicators = communicators;
    this.client = client;
    // On these connections we are the client: what we send is no request to this worker.
    this.meter =
        (command, direction, bytes) ->
            meter.frame(
                command,
                direction == Direction.REQUEST ? Direction.RESPONSE : Direction.REQUEST,
                bytes);
  }

  /** Connects to another worker; whatever goes wrong, the answer is no and the reason is logged. */
  boolean connect(Link link) {
    if (transport.isEmpty() || outgoing.size() >= MOST_LINKS) {
      return false;
    }
    var guard = communicators.guard();
    guards.add(guard);
    guard.allow(CONNECT_LIMIT);
    try {
      if (aborted) {
        throw new IOException("its router has ended");
      }
      var channel = greeted(link, guard, transport.get());
      guard.rest();
      close(outgoing.put(link.link(), new Outgoing(channel, guard)));
      return true;
    } catch (IOException | RpcProtocolException e) {
      dismiss(guard);
      // Not where to: a client that names other doors must not learn more than it could try itself.
      LOG.warn(
          "Another worker cannot be reached from this one, so tensors for it go over the head, which is slower: {}",
          e.getMessage());
      return false;
    }
  }

  private RpcClientChannel greeted(Link link, LinkGuard guard, Transport over) throws IOException {
    var address = new InetSocketAddress(link.host(), link.port());
    if (address.isUnresolved()) {
      throw new IOException("its host has no address here");
    }
    LinkMaker.requireAllowed(address.getAddress(), client);
    var socket = guard.watch(SocketChannel.open());
    socket.socket().connect(address, (int) CONNECT_LIMIT.toMillis());
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
    var channel =
        RpcClientChannel.over(
            over.connected(socket, link.host(), link.port()), WireLimits.defaults(), meter);
    var accepted = channel.hello(RouteTerms.peer(link.link(), link.token()).capabilities());
    if (RouteTerms.of(accepted.capabilities()).isEmpty()) {
      throw new IOException("it does not know the session, or is of another version");
    }
    channel.speakToWorker();
    return channel;
  }

  /** What to answer a worker that has come for this session. */
  static Capabilities welcome(RouteTerms peer) {
    return RouteTerms.peer(peer.link(), 0).capabilities();
  }

  /** Takes a connection from another worker; false when these links have ended. Any thread. */
  boolean arrived(int link, Incoming connection) {
    if (aborted || incoming.size() >= MOST_LINKS) {
      return false;
    }
    var older = incoming.put(link, connection);
    if (older != null) {
      end(older);
    }
    if (aborted) {
      end(connection);
    }
    return true;
  }

  /** Sends a place's bytes to another worker. */
  void push(int link, TensorPlace place, TensorTransfer transfer) throws IOException {
    var to = outgoing.get(link);
    if (to == null) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_FIELD, "link %d was not made".formatted(link));
    }
    try {
      to.channel.send(new RouteRequest.Tensor(place.bytes()));
      transfer.send(place.buffer(), place.offset(), place.bytes(), to.channel::sendData);
      to.channel.flush();
    } catch (IOException e) {
      throw lost(link, e);
    }
  }

  /** Waits for the next bytes from another worker, and writes them to a place. */
  void pull(int link, TensorPlace place, TensorTransfer transfer) throws IOException {
    var from = incoming.get(link);
    if (from == null) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_FIELD, "nobody has come for link %d".formatted(link));
    }
    try {
      if (!(from.channel.readRequest() instanceof RouteRequest.Tensor(long bytes))
          || bytes != place.bytes()) {
        throw new RpcProtocolException(
            ProtocolFault.LINK_LOST,
            "the other worker of link %d ended it, or sent something else than %d bytes"
                .formatted(link, place.bytes()));
      }
      transfer.receive(place.buffer(), place.offset(), place.bytes(), from.channel);
    } catch (IOException e) {
      throw lost(link, e);
    }
  }

  private static RpcProtocolException lost(int link, IOException e) {
    return new RpcProtocolException(
        ProtocolFault.LINK_LOST, "link %d to another worker broke: %s".formatted(link, e));
  }

  private static void end(Incoming connection) {
    try {
      connection.socket.close();
    } catch (IOException e) {
      LOG.debug("A link did not close", e);
    }
    connection.ended.countDown();
  }

  /** Ends all waiting for other workers. Any thread. */
  void abort() {
    aborted = true;
    incoming.values().forEach(PeerLinks::end);
    guards.forEach(LinkGuard::close);
  }

  @Override
  public void close() {
    abort();
    outgoing.values().forEach(this::close);
    guards.forEach(communicators::dismiss);
    outgoing.clear();
  }

  private void close(@Nullable Outgoing link) {
    if (link != null) {
      try {
        link.channel.close();
      } catch (IOException e) {
        LOG.debug("A link did not close", e);
      }
      dismiss(link.guard);
    }
  }

  private void dismiss(LinkGuard guard) {
    guards.remove(guard);
    communicators.dismiss(guard);
  }
}
