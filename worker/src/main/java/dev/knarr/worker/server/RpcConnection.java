// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.ggml.GgmlException;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.worker.device.LogGate;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client: reads its requests one after the other and has its {@link Session} carry them out.
 * {@link #run} belongs to the connection's own platform thread; {@link #hasSaidHello} and {@link
 * #abort} may be called by any.
 */
final class RpcConnection implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(RpcConnection.class);
  private static final LogGate REFUSALS = new LogGate(LOG);

  private final int number;
  private final SocketChannel socket;
  private final SocketAddress peer;
  private final Transport transport;
  private final Session session;
  private final FrameMeter meter;
  private final WireLimits limits;
  private final ServerEvents events;
  private final long openedNanos = System.nanoTime();
  private volatile boolean saidHello;
  private volatile @Nullable String abortReason;
  private @Nullable RpcCommand inHand; // the connection's thread's

  RpcConnection(
      int number,
      SocketChannel socket,
      SocketAddress peer,
      Transport transport,
      Session session,
      WireLimits limits,
      FrameMeter meter,
      ServerEvents events) {
    this.number = number;
    this.socket = socket;
    this.peer = peer;
    this.transport = transport;
    this.session = session;
    this.limits = limits;
    this.meter = meter;
    this.events = events;
  }

  @Override
  public void run() {
    try (socket;
        session;
        var channel = RpcServerChannel.over(transport.accepted(socket), limits, meter)) {
      serve(channel);
      LOG.debug("conn={} {} closed its connection", number, peer);
    } catch (RpcProtocolException e) {
      reject(e.fault(), e);
    } catch (GgmlException e) {
      switch (e.fault()) {
        case OUT_OF_MEMORY -> reject(ProtocolFault.BUDGET_EXCEEDED, e);
        case BAD_GRAPH -> reject(ProtocolFault.BAD_GRAPH, e);
        default -> fail(e);
      }
    } catch (TlsException e) {
      LOG.atLevel(REFUSALS.level())
          .log("conn={} {} was closed: it {}", number, peer, e.getMessage());
    } catch (IOException e) {
      if (abortReason == null) {
        LOG.debug("conn={} {} is gone: {}", number, peer, e.toString());
      } else {
        LOG.info("conn={} {} was closed: {}", number, peer, abortReason);
      }
    } catch (RuntimeException | Error e) {
      fail(e);
    }
  }

  private void serve(RpcServerChannel channel) throws IOException {
    for (var request = channel.readRequest(); request != null; request = channel.readRequest()) {
      long start = System.nanoTime();
      RpcCommand command = request.command();
      inHand = command;
      session.carryOut(request, channel);
      if (command.answered()) {
        channel.flush();
      }
      inHand = null;
      events.served(command, System.nanoTime() - start);
      if (command == RpcCommand.HELLO) {
        saidHello = true;
      }
    }
  }

  private void reject(ProtocolFault fault, RuntimeException e) {
    events.rejected(fault);
    LOG.atLevel(REFUSALS.level())
        .log(
            "conn={} {} was closed{}: {} (fault {})",
            number,
            peer,
            during(),
            e.getMessage(),
            fault.metricName());
  }

  /** Ours or a device's, not the peer's: say all there is to say. Other clients go on. */
  private void fail(Throwable e) {
    LOG.error(
        "conn={} {} was closed because of an error in the worker{}", number, peer, during(), e);
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
