// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest.CommInit;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.worker.device.LogGate;
import dev.knarr.worker.graph.TensorPlace;
import java.net.InetAddress;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The communicator of one client's device, while it has one. The connection's thread only, but for
 * {@link #abort}.
 */
final class CommunicatorSlot implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CommunicatorSlot.class);
  private static final LogGate FAILURES = new LogGate(LOG);

  /** Below are the services of a machine; a worker's port is above, and its link's 1000 higher. */
  private static final int LEAST_PORT = 1024;

  private static final int MOST_PORT = 65_535;

  private final Communicators communicators;
  private final InetAddress client;
  private Optional<Communicator> joined = Optional.empty();

  /** Guarded by this. */
  private @Nullable LinkGuard guard;

  /** Guarded by this. */
  private boolean aborted;

  CommunicatorSlot(Communicators communicators, InetAddress client) {
    this.communicators = communicators;
    this.client = client;
  }

  /** Joins the two-worker group; false when that is not possible, and the client does without. */
  boolean join(CommInit request) {
    if (joined.isPresent()) {
      return true;
    }
    if (request.world() != 2 || request.rank() < 0 || request.rank() > 1) {
      return false;
    }
    try {
      joined = Optional.of(link(request));
      communicators.events().linkJoined();
      return true;
    } catch (LinkException e) {
      close();
      communicators.events().linkRefused(e.fault());
      LOG.atLevel(FAILURES.level())
          .log(
              "{} asked for rank {} of a tensor split on port {}, and there is no link: {}. It exchanges partial sums itself, which is slower",
              client.getHostAddress(),
              request.rank(),
              request.port(),
              e.getMessage());
      return false;
    }
  }

  private Communicator link(CommInit request) throws LinkException {
    if (request.port() < LEAST_PORT || request.port() > MOST_PORT) {
      throw new LinkException(
          LinkFault.NOT_ALLOWED,
          "the port must be from %d to %d".formatted(LEAST_PORT, MOST_PORT),
          null);
    }
    var settings = communicators.settings();
    var transport =
        settings
            .transport()
            .orElseThrow(
                () ->
                    new LinkException(
                        LinkFault.NO_AUTHORITY,
                        "this worker speaks TLS and knows no CA of other workers; name it with --tls-client-ca",
                        null));
    if (!communicators.joining().tryAcquire()) {
      throw new LinkException(LinkFault.BUSY, "too many are joining at this moment", null);
    }
    try {
      return new LinkMaker(settings, transport, client, newGuard()).make(request);
    } finally {
      communicators.joining().release();
    }
  }

  private synchronized LinkGuard newGuard() {
    var made = communicators.guard();
    guard = made;
    if (aborted) {
      made.close();
    }
    return made;
  }

  /** Adds the other worker's values of the same tensor to this one's. */
  void allreduce(RpcTensor tensor, TensorPlace place) {
    joined
        .orElseThrow(
            () ->
                new RpcProtocolException(
                    ProtocolFault.NO_COMMUNICATOR,
                    "a reduction of tensor %s without a communicator: COMM_INIT comes first"
                        .formatted(tensor)))
        .allreduce(tensor, place);
  }

  /** Ends what the connection's thread may be waiting for. Any thread. */
  synchronized void abort() {
    aborted = true;
    if (guard != null) {
      guard.close();
    }
  }

  @Override
  public synchronized void close() {
    joined = Optional.empty();
    if (guard != null) {
      communicators.dismiss(guard);
      guard = null;
    }
  }
}
