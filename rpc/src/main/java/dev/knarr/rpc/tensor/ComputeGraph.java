// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;

import dev.knarr.rpc.RpcProtocolException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The part of a {@code GRAPH_COMPUTE} that is stored: the ids to compute, in order, and the
 * descriptors of everything they reach. A graph that exists is well formed in all that the message
 * alone can show: ids are unique and not 0; every node is a descriptor; operands and views refer to
 * descriptors <em>before</em> their own, so there are no cycles; types and operations exist; sizes
 * do not overflow; what has no buffer has no address. Handles, addresses and the shapes an
 * operation needs are for the server to check.
 *
 * <p>It owns its bytes and adds 44 bytes per descriptor of resolved references, so a native graph
 * is built from indices without any map. Immutable; any thread.
 */
public final class ComputeGraph {
  private static final int COUNT_BYTES = 4;
  private static final int REFERENCES = RpcTensor.MAX_SOURCES + 1;

  private final byte[] bytes;
  private final int tensorsStart;
  private final RpcTensor[] tensors;
  private final int[] nodes;
  private final int[] references;

  /**
   * Takes the payload from the node count on, which then belongs to the graph.
   *
   * @param maxNodes nodes allowed
   * @param maxTensors descriptors allowed
   * @throws RpcProtocolException BAD_GRAPH, BUDGET_EXCEEDED, UNSUPPORTED_OP, BAD_TENSOR_TYPE or
   *     SIZE_OVERFLOW
   */
  public static ComputeGraph decode(byte[] payload, int maxNodes, int maxTensors) {
    if (payload.length < 2 * COUNT_BYTES) {
      throw bad("Graph of %d bytes is too short for its two counts".formatted(payload.length));
    }
    long nodeCount = LittleEndian.getUnsignedInt(payload, 0);
    requireCount("nodes", nodeCount, maxNodes);
    long tensorCountAt = COUNT_BYTES + 8 * nodeCount;
    if (tensorCountAt + COUNT_BYTES > payload.length) {
      throw bad("Graph of %d bytes cannot hold %d nodes".formatted(payload.length, nodeCount));
    }
    long tensorCount = LittleEndian.getUnsignedInt(payload, (int) tensorCountAt);
    requireCount("descriptors", tensorCount, maxTensors);
    long expected = tensorCountAt + COUNT_BYTES + RpcTensor.BYTES * tensorCount;
    if (expected != payload.length) {
      throw bad(
          "Graph of %d bytes must have %d bytes for %d nodes and %d descriptors"
              .formatted(payload.length, expected, nodeCount, tensorCount));
    }
    return new ComputeGraph(payload, (int) nodeCount, (int) tensorCount);
  }

  /**
   * A graph from its parts, checked like one that was received.
   *
   * @throws RpcProtocolException as {@link #decode}
   */
  public static ComputeGraph of(long[] nodeIds, List<RpcTensor> tensors) {
    long size = 2L * COUNT_BYTES + 8L * nodeIds.length + (long) RpcTensor.BYTES * tensors.size();
    byte[] bytes = new byte[Math.toIntExact(size)];
    LittleEndian.putInt(bytes, 0, nodeIds.length);
    for (int i = 0; i < nodeIds.length; i++) {
      LittleEndian.putLong(bytes, COUNT_BYTES + 8 * i, nodeIds[i]);
    }
    int at = COUNT_BYTES + 8 * nodeIds.length;
    LittleEndian.putInt(bytes, at, tensors.size());
    ByteBuffer rest = ByteBuffer.wrap(bytes).position(at + COUNT_BYTES);
    tensors.forEach(tensor -> tensor.encode(rest));
    return new ComputeGraph(bytes, nodeIds.length, tensors.size());
  }

  private ComputeGraph(byte[] bytes, int nodeCount, int tensorCount) {
    this.bytes = bytes;
    this.tensorsStart = 2 * COUNT_BYTES + 8 * nodeCount;
    this.tensors = new RpcTensor[tensorCount];
    this.references = new int[Math.multiplyExact(REFERENCES, tensorCount)];
    this.nodes = new int[nodeCount];
    IdIndex ids = new IdIndex(tensorCount);
    for (int i = 0; i < tensorCount; i++) {
      RpcTensor tensor = new RpcTensor(bytes, wireOffset(i));
      tensors[i] = tensor;
      checkDescriptor(tensor, i);
      // Operands are looked up before the descriptor is known: what is found lies before it.
      for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
        references[REFERENCES * i + k] =
            isOwnTarget(tensor, k) ? i : resolve(ids, tensor.source(k), i);
      }
      references[REFERENCES * i + RpcTensor.MAX_SOURCES] = resolve(ids, tensor.viewSource(), i);
      if (!ids.add(tensor.id(), i)) {
        throw bad("Descriptor %d repeats the id of an earlier one".formatted(i));
      }
    }
    resolveNodes(ids);
  }

  private static void checkDescriptor(RpcTensor tensor, int index) {
    if (tensor.isNull()) {
      throw bad("Descriptor %d has id 0".formatted(index));
    }
    TensorOp op = TensorOp.ofCode(tensor.op()).orElse(null);
    if (op == null || op.hostFunction()) {
      throw new RpcProtocolException(
          UNSUPPORTED_OP,
          "Operation %s of descriptor %d %s"
              .formatted(
                  op == null ? Integer.toUnsignedString(tensor.op()) : op,
                  index,
                  op == null ? "is not in the table" : "is never valid on the wire"));
    }
    if (tensor.buffer() == 0 && tensor.data() != 0) {
      throw bad("Descriptor %d has an address but no buffer".formatted(index));
    }
    if (tensor.byteSize() > 0 && tensor.viewSource() != 0 && tensor.viewOffset() < 0) {
      throw bad("Descriptor %d is a view with an offset that leaves 63 bits".formatted(index));
    }
  }

  /** A cast is a CPY whose target, operand 1, is the result itself (ggml_cast of ggml.c). */
  private static boolean isOwnTarget(RpcTensor tensor, int source) {
    return source == 1 && tensor.op() == TensorOp.CPY.code() && tensor.source(1) == tensor.id();
  }

  private static int resolve(IdIndex ids, long id, int user) {
    if (id == 0) {
      return -1;
    }
    int index = ids.indexOf(id);
    if (index < 0) {
      throw bad("Descriptor %d refers to a tensor that is not described before it".formatted(user));
    }
    return index;
  }

  private void resolveNodes(IdIndex ids) {
    BitSet seen = new BitSet(tensors.length);
    for (int i = 0; i < nodes.length; i++) {
      int index = ids.indexOf(nodeId(i));
      if (index < 0) {
        throw bad("Node %d has no descriptor".formatted(i));
      }
      if (seen.get(index)) {
        throw bad("Node %d is in the list twice".formatted(i));
      }
      seen.set(index);
      nodes[i] = index;
    }
  }

  /** Nodes to compute, in order; 0 is legal. */
  public int nodeCount() {
    return nodes.length;
  }

  /** Id of a node. */
  public long nodeId(int node) {
    return LittleEndian.getLong(bytes, COUNT_BYTES + 8 * Objects.checkIndex(node, nodes.length));
  }

  /** Index of a node's descriptor. */
  public int nodeIndex(int node) {
    return nodes[node];
  }

  /** Descriptors: nodes and everything they reach. */
  public int tensorCount() {
    return tensors.length;
  }

  /** A descriptor; a view of the graph's bytes, which it keeps alive. */
  public RpcTensor tensor(int index) {
    return tensors[index];
  }

  /**
   * Index of operand 0 to 9 of a descriptor, or -1. It is less than the descriptor's own, but for
   * operand 1 of a cast, which is the descriptor itself.
   */
  public int sourceIndex(int tensor, int source) {
    Objects.checkIndex(source, RpcTensor.MAX_SOURCES);
    return references[REFERENCES * tensor + source];
  }

  /** Index of the tensor a descriptor is a view of, less than its own, or -1. */
  public int viewSourceIndex(int tensor) {
    return references[REFERENCES * tensor + RpcTensor.MAX_SOURCES];
  }

  /** The bytes on the wire themselves, which nobody may change. */
  byte[] wireBytes() {
    return bytes;
  }

  /** Where a descriptor begins in {@link #wireBytes}. */
  int wireOffset(int tensor) {
    return tensorsStart + RpcTensor.BYTES * tensor;
  }

  /**
   * The same graph with other descriptors, for instance with other addresses.
   *
   * @throws RpcProtocolException as {@link #decode}
   */
  public ComputeGraph mapped(UnaryOperator<RpcTensor> mapping) {
    byte[] changed = bytes.clone();
    for (int i = 0; i < tensors.length; i++) {
      ByteBuffer at = ByteBuffer.wrap(changed, wireOffset(i), RpcTensor.BYTES);
      mapping.apply(tensors[i]).encode(at);
    }
    return new ComputeGraph(changed, nodes.length, tensors.length);
  }

  /** Bytes on the wire, from the node count on. */
  public long encodedBytes() {
    return bytes.length;
  }

  /** The bytes on the wire, from the node count on, read-only. */
  public ByteBuffer encoded() {
    return ByteBuffer.wrap(bytes).asReadOnlyBuffer();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ComputeGraph that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return "graph of %d nodes and %d descriptors".formatted(nodes.length, tensors.length);
  }

  private static void requireCount(String what, long count, int limit) {
    if (count > limit) {
      throw new RpcProtocolException(
          BUDGET_EXCEEDED,
          "Graph with %d %s is over the limit of %d".formatted(count, what, limit));
    }
  }

  private static RpcProtocolException bad(String message) {
    return new RpcProtocolException(BAD_GRAPH, message);
  }
}
