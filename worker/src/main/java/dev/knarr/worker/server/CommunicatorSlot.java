// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest.CommInit;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.worker.device.LogGate;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The communicator of one client's device, while it has one. The connection's thread only. */
final class CommunicatorSlot implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CommunicatorSlot.class);
  private static final LogGate FAILURES = new LogGate(LOG);

  private final Communicators settings;
  private Optional<Communicator> joined = Optional.empty();

  CommunicatorSlot(Communicators settings) {
    this.settings = settings;
  }

  /** Joins the two-worker group; false when that is not possible, and the client does without. */
  boolean join(CommInit request) {
    if (joined.isPresent()) {
      return true;
    }
    if (request.world() != 2
        || request.rank() < 0
        || request.rank() > 1
        || request.port() < 1
        || request.port() > 65_535) {
      return false;
    }
    try {
      joined = Optional.of(Communicator.join(request, settings));
      return true;
    } catch (IOException e) {
      LOG.atLevel(FAILURES.level())
          .log(
              "Rank {} of a tensor-split group could not be joined on port {}: {}; the client exchanges"
                  + " partial sums itself",
              request.rank(),
              request.port(),
              e.getMessage());
      return false;
    }
  }

  /** Adds the other worker's values of the same tensor to this one's. */
  void allreduce(RpcTensor tensor, TensorPlace place) throws IOException {
    joined
        .orElseThrow(
            () ->
                new RpcProtocolException(
                    ProtocolFault.NO_COMMUNICATOR,
                    "a reduction of tensor %s without a communicator: COMM_INIT comes first"
                        .formatted(tensor)))
        .allreduce(tensor, place);
  }

  @Override
  public void close() {
    joined.ifPresent(Communicator::close);
    joined = Optional.empty();
  }
}
