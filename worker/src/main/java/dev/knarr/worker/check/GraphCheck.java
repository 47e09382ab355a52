// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;

/**
 * Proves of a whole graph what its descriptors alone can show: every node to compute passes {@link
 * OperationCheck}, and every view lies where it says, inside what it is a view of. That buffers are
 * alive and byte ranges inside them is for the caller, as are the row numbers of {@link IndexPlan}.
 * Stateless; any thread.
 */
public final class GraphCheck {
  private GraphCheck() {}

  /**
   * Checks the nodes to compute and all views.
   *
   * @throws RpcProtocolException naming node, field, value and limit
   */
  public static void check(ComputeGraph graph) {
    for (int i = 0; i < graph.tensorCount(); i++) {
      if (graph.viewSourceIndex(i) >= 0) {
        checkView(graph.tensor(i), graph.tensor(graph.viewSourceIndex(i)));
      }
    }
    for (int node = 0; node < graph.nodeCount(); node++) {
      if (graph.tensor(graph.nodeIndex(node)).isComputed()) {
        OperationCheck.check(graph, node);
      }
    }
  }

  /** ggml gives every view the buffer and the address of its source, and collapses chains. */
  private static void checkView(RpcTensor view, RpcTensor source) {
    if (source.viewSource() != 0) {
      throw refuse(view, new RpcProtocolException(BAD_GRAPH, "it is a view of a view"));
    }
    long offset = view.viewOffset();
    long size = view.byteSize();
    if (offset < 0 || offset > source.byteSize() || size > source.byteSize() - offset) {
      throw refuse(
          view,
          new RpcProtocolException(
              OUT_OF_RANGE,
              "%d bytes at offset %s are not inside the %d bytes of '%s'"
                  .formatted(
                      size,
                      Long.toUnsignedString(offset),
                      source.byteSize(),
                      Names.printable(source.name()))));
    }
    if (view.buffer() != source.buffer()
        || (view.buffer() != 0 && view.data() != source.data() + offset)) {
      throw refuse(
          view,
          new RpcProtocolException(
              OUT_OF_RANGE,
              "its address %s in buffer %s is not offset %d of '%s' at %s in buffer %s"
                  .formatted(
                      Long.toUnsignedString(view.data()),
                      Long.toUnsignedString(view.buffer()),
                      offset,
                      Names.printable(source.name()),
                      Long.toUnsignedString(source.data()),
                      Long.toUnsignedString(source.buffer()))));
    }
  }

  private static RpcProtocolException refuse(RpcTensor view, RpcProtocolException problem) {
    return problem.at("View '%s'".formatted(Names.printable(view.name())));
  }
}
