// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import dev.knarr.ggml.GgmlFunctions.Base;
import dev.knarr.ggml.GgmlFunctions.InitParams;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A graph ready to be computed, as often as wanted. Owned by who built it; computed by the thread
 * of one backend. It refers to buffers and does not own them: a graph with a closed buffer refuses
 * to be computed.
 */
public final class GgmlGraph implements AutoCloseable {
  private final Arena arena;
  private final long context;
  private final long graph;
  private final int nodeCount;
  private final long nativeBytes;
  private final List<GgmlBuffer> buffers;
  private volatile boolean closed;

  /** Takes over the arena and the context. */
  GgmlGraph(
      Arena arena,
      long context,
      long graph,
      int nodeCount,
      long nativeBytes,
      List<GgmlBuffer> buffers) {
    this.arena = arena;
    this.context = context;
    this.graph = graph;
    this.nodeCount = nodeCount;
    this.nativeBytes = nativeBytes;
    this.buffers = List.copyOf(buffers);
  }

  /**
   * Starts a graph.
   *
   * @param tensors how many tensors will be described
   * @param nodes how many of them, at most, will be nodes
   */
  public static Builder builder(int tensors, int nodes) {
    return new Builder(tensors, nodes);
  }

  /** Native memory in bytes that a graph of so many tensors and nodes will hold. */
  public static long nativeBytes(int tensors, int nodes) {
    return contextBytes(tensors, nodes) + (long) tensors * TensorLayout.BYTES;
  }

  private static long contextBytes(int tensors, int nodes) {
    return Base.ggml_graph_overhead_custom((long) nodes + tensors, (byte) 0)
        + TensorLayout.OVERHEAD;
  }

  /** Native memory that this graph holds, in bytes. */
  public long nativeBytes() {
    return nativeBytes;
  }

  /** Nodes in the graph; those without an operation are not among them. */
  public int nodeCount() {
    return nodeCount;
  }

  /** Gives the graph's memory back, not the buffers'. Twice is once. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    Base.ggml_free(context);
    arena.close();
    GgmlHandles.GRAPHS.decrementAndGet();
  }

  long handleForCompute() {
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
    for (GgmlBuffer buffer : buffers) {
      buffer.checkOpen();
    }
    return graph;
  }

  @Override
  public String toString() {
    return "Graph of " + nodeCount + " nodes";
  }

  /**
   * Writes a graph's tensors into one block of native memory and hands them to ggml. One thread.
   * Close it, whether or not {@link #build} was reached; the built graph is the caller's and
   * unaffected.
   */
  public static final class Builder implements AutoCloseable {
    private static final int BYTES = TensorLayout.BYTES;
    private static final int OP_CPY = 34;

    private final int maxNodes;
    private final int[] nodes;
    private int nodeCount;
    private final int[] operations;
    private final int[] useCounts;
    private final int[] sources;
    private final boolean[] described;

    /** Position in the list of nodes, or -1. */
    private final int[] position;

    private final Set<GgmlBuffer> buffers = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Arena arena = Arena.ofShared();
    private final long base;
    private final ByteBuffer view;
    private boolean finished;

    private Builder(int tensors, int maxNodes) {
      if (tensors < 0 || maxNodes < 0 || (long) tensors * BYTES > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "A graph of " + tensors + " tensors and " + maxNodes + " nodes");
      }
      this.maxNodes = maxNodes;
      this.nodes = new int[maxNodes];
      this.operations = new int[tensors];
      this.useCounts = new int[tensors];
      this.sources = new int[tensors * TensorLayout.SOURCES];
      this.described = new boolean[tensors];
      this.position = new int[tensors];
      Arrays.fill(position, -1);
      MemorySegment block = TensorLayout.allocate(arena, tensors);
      this.base = block.address();
      this.view = TensorLayout.view(block);
      GgmlHandles.GRAPHS.incrementAndGet();
    }

    /**
     * Describes tensor {@code index}; each index once, in any order.
     *
     * @param type ggml's type code
     * @param ne four numbers of elements
     * @param nb four strides in bytes
     * @param op ggml's operation code
     * @param opParams sixteen parameters of the operation
     * @param flags ggml's tensor flags; only nodes with the compute flag (16) are computed
     * @param operands ten indices of tensors, -1 for none
     * @param viewSource index of the tensor this one is a view of, -1 for none
     * @param viewOffset offset of the view in it, in bytes
     * @param buffer where its data is, null for none
     * @param offset where in the buffer
     * @param useCount how often it is an operand in the whole graph that this one is a part of: a
     *     node that is used elsewhere too keeps its value
     * @param name for logs; cut at 63 bytes
     */
    public Builder tensor(
        int index,
        int type,
        long[] ne,
        long[] nb,
        int op,
        int[] opParams,
        int flags,
        int[] operands,
        int viewSource,
        long viewOffset,
        @Nullable GgmlBuffer buffer,
        long offset,
        int useCount,
        String name) {
      checkUnfinished();
      Objects.checkIndex(index, described.length);
      Lengths.check("ne", ne.length, TensorLayout.DIMENSIONS);
      Lengths.check("nb", nb.length, TensorLayout.DIMENSIONS);
      Lengths.check("opParams", opParams.length, TensorLayout.OP_PARAM_INTS);
      Lengths.check("operands", operands.length, TensorLayout.SOURCES);
      if (described[index]) {
        throw new IllegalArgumentException("Tensor " + index + " is described twice");
      }
      described[index] = true;
      operations[index] = op;
      useCounts[index] = useCount;
      System.arraycopy(operands, 0, sources, index * TensorLayout.SOURCES, TensorLayout.SOURCES);

      int at = index * BYTES;
      TensorLayout.putShape(view, at, type, ne, nb);
      TensorLayout.putOperation(view, at, op, opParams);
      // A parameter of training without an operation would become a node; here nothing is trained.
      view.putInt(at + TensorLayout.FLAGS, flags & ~TensorLayout.FLAG_PARAM);
      for (int i = 0; i < TensorLayout.SOURCES; i++) {
        view.putLong(at + TensorLayout.SRC + 8 * i, address(operands[i]));
      }
      view.putLong(at + TensorLayout.VIEW_SRC, address(viewSource))
          .putLong(at + TensorLayout.VIEW_OFFS, viewOffset);
      if (buffer != null) {
        Objects.checkIndex(offset, buffer.bytes() + 1);
        view.putLong(at + TensorLayout.BUFFER, buffer.handle())
            .putLong(at + TensorLayout.DATA, buffer.base() + offset);
        buffers.add(buffer);
      }
      byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
      view.put(
          at + TensorLayout.NAME,
          nameBytes,
          0,
          Math.min(nameBytes.length, TensorLayout.NAME_BYTES - 1));
      return this;
    }

    /**
     * Says that the data of a described tensor, no node and no view, is repacked; only {@code
     * MUL_MAT} and {@code MUL_MAT_ID} can use it, as operand 0.
     */
    public Builder repacked(int index, WeightRepack layout) {
      checkUnfinished();
      checkDescribed(index);
      layout.attach(view, index * BYTES, address(index));
      return this;
    }

    /** Appends a described tensor to the nodes, which are computed in this order. */
    public Builder node(int index) {
      checkUnfinished();
      checkDescribed(index);
      if (position[index] >= 0) {
        throw new GgmlException(GgmlFault.BAD_GRAPH, "Tensor " + index + " is a node twice");
      }
      if (nodeCount == maxNodes) {
        throw new GgmlException(GgmlFault.BAD_GRAPH, "More nodes than the announced " + maxNodes);
      }
      position[index] = nodeCount;
      nodes[nodeCount++] = index;
      return this;
    }

    /**
     * Whether the device can compute this tensor's operation; its operands must have been
     * described, and the graph not yet built.
     */
    public boolean supported(GgmlDevice device, int index) {
      checkUnfinished();
      checkDescribed(index);
      checkOperands(index);
      return device.supports(base + (long) index * BYTES);
    }

    /**
     * Makes the graph, once. The order of nodes stays as given.
     *
     * @throws GgmlException BAD_GRAPH if a node comes before one of its operands, or a tensor was
     *     not described
     */
    public GgmlGraph build() {
      checkUnfinished();
      for (int index = 0; index < described.length; index++) {
        checkDescribed(index);
        checkOperands(index);
        checkView(index);
      }
      checkOrder();
      detachOthers();
      keepValuesUsedElsewhere();
      long size = Math.addExact((long) nodeCount, described.length);
      long contextBytes = contextBytes(described.length, nodeCount);
      long context = Base.ggml_init(InitParams.withoutData(contextBytes));
      if (context == 0) {
        throw new GgmlException(
            GgmlFault.OUT_OF_MEMORY, "No memory for a graph of " + nodeCount + " nodes");
      }
      try {
        long graph = Base.ggml_new_graph_custom(context, size, (byte) 0);
        for (int i = 0; i < nodeCount; i++) {
          // Counts uses, so that backends can fuse; unlike ggml_build_forward_expand it leaves the
          // compute flag alone.
          Base.ggml_build_forward_order(graph, address(nodes[i]));
        }
        int count = verify(graph);
        finished = true;
        long bytes = contextBytes + (long) described.length * BYTES;
        return new GgmlGraph(arena, context, graph, count, bytes, List.copyOf(buffers));
      } finally {
        if (!finished) {
          Base.ggml_free(context);
        }
      }
    }

    /** Gives the memory of an unfinished graph back; does nothing after {@link #build}. */
    @Override
    public void close() {
      if (!finished) {
        finished = true;
        arena.close();
        GgmlHandles.GRAPHS.decrementAndGet();
      }
    }

    /**
     * ggml follows operands by recursion, so a wrong order must not reach it: it would reorder, or
     * end in a deep recursion.
     */
    private void checkOrder() {
      for (int i = 0; i < nodeCount; i++) {
        int index = nodes[i];
        for (int s = index * TensorLayout.SOURCES; s < (index + 1) * TensorLayout.SOURCES; s++) {
          if (sources[s] >= 0 && position[sources[s]] >= i && !isOwnTarget(index, s)) {
            throw new GgmlException(
                GgmlFault.BAD_GRAPH,
                "Node %d uses node %d, which comes after it".formatted(i, position[sources[s]]));
          }
        }
      }
    }

    /** A cast is a CPY whose target, operand 1, is itself (ggml_cast of ggml.c). */
    private boolean isOwnTarget(int index, int source) {
      return operations[index] == OP_CPY
          && source == index * TensorLayout.SOURCES + 1
          && sources[source] == index;
    }

    /**
     * Results of earlier graphs are plain data here; with their operation ggml would compute them
     * again.
     */
    private void detachOthers() {
      for (int index = 0; index < described.length; index++) {
        if (position[index] < 0) {
          int at = index * BYTES;
          view.putInt(at + TensorLayout.OP, 0);
          for (int i = 0; i < TensorLayout.SOURCES; i++) {
            view.putLong(at + TensorLayout.SRC + 8 * i, 0);
          }
        }
      }
    }

    /** A node used outside this graph must not be fused away. */
    private void keepValuesUsedElsewhere() {
      int[] uses = new int[described.length];
      for (int i = 0; i < nodeCount; i++) {
        int first = nodes[i] * TensorLayout.SOURCES;
        for (int s = first; s < first + TensorLayout.SOURCES; s++) {
          if (sources[s] >= 0) {
            uses[sources[s]]++;
          }
        }
      }
      for (int i = 0; i < nodeCount; i++) {
        int index = nodes[i];
        if (uses[index] != useCounts[index]) {
          int at = index * BYTES + TensorLayout.FLAGS;
          view.putInt(at, view.getInt(at) | TensorLayout.FLAG_OUTPUT);
        }
      }
    }

    /**
     * That ggml lists the nodes as given; those without an operation it keeps elsewhere. Returns
     * how many there are.
     */
    private int verify(long graph) {
      int count = Base.ggml_graph_n_nodes(graph);
      MemorySegment listed =
          MemorySegment.ofAddress(Base.ggml_graph_nodes(graph)).reinterpret(8L * count);
      int at = 0;
      for (int i = 0; i < nodeCount; i++) {
        if (operations[nodes[i]] != 0) {
          if (at == count || listed.getAtIndex(ValueLayout.JAVA_LONG, at) != address(nodes[i])) {
            throw new GgmlException(
                GgmlFault.BAD_GRAPH, "ggml ordered the nodes differently from node " + i + " on");
          }
          at++;
        }
      }
      if (at != count) {
        throw new GgmlException(
            GgmlFault.BAD_GRAPH, "ggml found " + count + " nodes instead of " + at);
      }
      return count;
    }

    private long address(int index) {
      if (index < 0) {
        return 0;
      }
      return base + (long) Objects.checkIndex(index, described.length) * BYTES;
    }

    private void checkDescribed(int index) {
      if (!described[Objects.checkIndex(index, described.length)]) {
        throw new GgmlException(GgmlFault.BAD_GRAPH, "Tensor " + index + " is not described");
      }
    }

    private void checkOperands(int index) {
      for (int s = index * TensorLayout.SOURCES; s < (index + 1) * TensorLayout.SOURCES; s++) {
        if (sources[s] >= 0) {
          checkDescribed(sources[s]);
        }
      }
    }

    private void checkView(int index) {
      if (view.getLong(index * BYTES + TensorLayout.VIEW_SRC) == address(index)) {
        throw new GgmlException(GgmlFault.BAD_GRAPH, "Tensor " + index + " is a view of itself");
      }
    }

    private void checkUnfinished() {
      if (finished) {
        throw new IllegalStateException("This graph is built or closed already");
      }
    }
  }
}
