// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.RpcRequest.CommInit;
import dev.knarr.rpc.transport.Transport;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Brings two workers together: rank 0 listens where the client says, rank 1 connects there. A
 * client could make a worker knock at other doors that way, so that only some may be named, a
 * failure looks the same whatever was found behind them and takes as long, and what answers must
 * answer as a worker does. The connection's thread only.
 */
final class LinkMaker {
  private static final int CAPABILITY_BYTES = 24;
  private static final Duration RETRY = Duration.ofMillis(50);

  private final Communicators.Settings settings;
  private final Transport transport;
  private final InetAddress client;
  private final LinkGuard guard;

  LinkMaker(
      Communicators.Settings settings, Transport transport, InetAddress client, LinkGuard guard) {
    this.settings = settings;
    this.transport = transport;
    this.client = client;
    this.guard = guard;
  }

  /**
   * Waits for the other worker within the limit.
   *
   * @throws LinkException when there is none, or it may not be
   */
  Communicator make(CommInit request) throws LinkException {
    guard.allow(settings.joinLimit());
    var channel = request.rank() == 0 ? accept(request.port()) : connect(request);
    guard.rest();
    return new Communicator(channel, guard, request.rank(), settings.reduceLimit());
  }

  private ByteChannel accept(int port) throws LinkException {
    IOException last = new EOFException("nobody connected");
    try (var listener = guard.watch(ServerSocketChannel.open())) {
      bind(listener, port);
      while (true) {
        var socket = listener.accept();
        try {
          return greeted(guard.watch(socket), 0, "", port);
        } catch (IOException e) {
          // Somebody else's knock must not keep the other worker out.
          socket.close();
          last = unlessOver(e, last);
        }
      }
    } catch (LinkException e) {
      throw e;
    } catch (IOException _) {
      throw noPeer("rank 1 did not come", last);
    }
  }

  private void bind(ServerSocketChannel listener, int port) throws LinkException {
    try {
      listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      listener.bind(new InetSocketAddress(settings.listenAddress(), port), 1);
    } catch (IOException e) {
      throw new LinkException(
          LinkFault.PORT_TAKEN, "port %d cannot be opened (%s)".formatted(port, e), e);
    }
  }

  private ByteChannel connect(CommInit request) throws LinkException {
    IOException last = new EOFException("not tried yet");
    // Rank 0 may not listen yet, both are asked at the same time; so every failure is a not yet.
    while (!guard.isOver()) {
      var address = new InetSocketAddress(request.host(), request.port());
      if (address.isUnresolved()) {
        last = new EOFException("its host has no address");
      } else {
        requireAllowed(address.getAddress(), client);
        try {
          return connect(request, address);
        } catch (IOException e) {
          last = unlessOver(e, last);
        }
      }
      LockSupport.parkNanos(RETRY.toNanos());
    }
    throw noPeer("rank 0 could not be reached", last);
  }

  private ByteChannel connect(CommInit request, InetSocketAddress address) throws IOException {
    var socket = guard.watch(SocketChannel.open());
    try {
      socket.connect(address);
      return greeted(socket, 1, request.host(), request.port());
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * What is behind loopback and link-local addresses is the machine's own, and no business of a
   * client that does not come from there; nobody is behind the others.
   */
  static void requireAllowed(InetAddress target, InetAddress client) throws LinkException {
    boolean foreign =
        (target.isLoopbackAddress() && !client.isLoopbackAddress())
            || (target.isLinkLocalAddress() && !client.isLinkLocalAddress());
    if (foreign || target.isAnyLocalAddress() || target.isMulticastAddress()) {
      throw new LinkException(
          LinkFault.NOT_ALLOWED,
          "the other worker is said to be at %s, which a client at %s may not name: give --rpc or --worker an address by which the workers reach each other"
              .formatted(target.getHostAddress(), client.getHostAddress()),
          null);
    }
  }

  /** Rank 0 receives the other's capabilities first; all zero means plain TCP. */
  private ByteChannel greeted(SocketChannel socket, int rank, String host, int port)
      throws IOException {
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    var channel = rank == 0 ? transport.accepted(socket) : transport.connected(socket, host, port);
    var ours = ByteBuffer.allocate(CAPABILITY_BYTES);
    var theirs = ByteBuffer.allocate(CAPABILITY_BYTES);
    if (rank == 0) {
      Communicator.receive(channel, theirs);
      Communicator.send(channel, ours);
    } else {
      Communicator.send(channel, ours);
      Communicator.receive(channel, theirs);
    }
    // Queue pair and sequence numbers have 24 bits, and Apple's second field is reserved: of any
    // worker both are 0, and of a service that greets with a text neither.
    if (theirs.get(3) != 0 || theirs.get(7) != 0) {
      throw new IOException("what answers is no worker");
    }
    return channel;
  }

  /** What ends a wait for good explains less than what went wrong before. */
  private IOException unlessOver(IOException now, IOException before) {
    return guard.isOver() ? before : now;
  }

  private LinkException noPeer(String what, IOException last) {
    return new LinkException(
        LinkFault.NO_PEER,
        "%s within %d s (%s)"
            .formatted(what, settings.joinLimit().toSeconds(), String.valueOf(last.getMessage())),
        last);
  }
}
