// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * When the row numbers of a graph have to be read and compared: those that no node of the graph
 * writes, before the graph; those that come out of ARGSORT, TOP_K or ARGMAX and reach their user
 * untouched, never; any others, right before the node that uses them.
 *
 * <p>Memory decides, not operands: a node that writes over the numbers between their making and
 * their use would otherwise smuggle any value in. Immutable; any thread.
 */
public final class IndexPlan {
  /** How many copies within a graph are followed to where numbers come from. */
  private static final int MAX_STEPS = 64;

  private static final long EXACT_IN_F32 = 1L << 24;

  private final ComputeGraph graph;
  private final Writes writes;
  private final List<Read> reads;

  /**
   * Row numbers to read and compare.
   *
   * @param beforeNode index of the node before which to read, or -1: before the graph, on every
   *     compute
   * @param tensor index of the descriptor that says where they are
   * @param type I32 or I64
   * @param bound values must be 0 to less than this
   */
  public record Read(int beforeNode, int tensor, TensorType type, long bound) {
    /** Whether the graph can be computed in one go after this read. */
    public boolean beforeGraph() {
      return beforeNode < 0;
    }
  }

  private record Key(int beforeNode, int tensor) {}

  private IndexPlan(ComputeGraph graph) {
    this.graph = graph;
    this.writes = new Writes(graph);
    Map<Key, Read> found = new LinkedHashMap<>();
    for (int node = 0; node < graph.nodeCount(); node++) {
      int index = graph.nodeIndex(node);
      RpcTensor result = graph.tensor(index);
      if (!result.isComputed() || result.byteSize() == 0) {
        continue;
      }
      for (IndexUse use : IndexUse.of(graph, node)) {
        plan(node, index, use, found);
      }
    }
    this.reads = List.copyOf(found.values());
  }

  /**
   * Plans the reads of a graph whose nodes have passed {@link OperationCheck}.
   *
   * @throws RpcProtocolException OUT_OF_RANGE when a node would write over the row numbers it is
   *     using; SIZE_OVERFLOW or BAD_TENSOR_TYPE for a descriptor without a size
   */
  public static IndexPlan of(ComputeGraph graph) {
    return new IndexPlan(graph);
  }

  /** What to read, in the order of the nodes; several users of one tensor share a read. */
  public List<Read> reads() {
    return reads;
  }

  private void plan(int node, int index, IndexUse use, Map<Key, Read> found) {
    int tensor = graph.sourceIndex(index, use.source());
    if (writes.overlap(node, tensor)) {
      throw new RpcProtocolException(
          OUT_OF_RANGE,
          "Node '%s' writes over its own row numbers, operand %d"
              .formatted(Names.printable(graph.tensor(index).name()), use.source()));
    }
    Origin origin = originOf(node, tensor, new Steps());
    if (origin == null || origin.bound() > use.bound()) {
      add(new Read(node, tensor, use.type(), use.bound()), found);
      return;
    }
    for (int leaf : origin.leaves()) {
      add(new Read(-1, leaf, graph.tensor(leaf).tensorType(), use.bound()), found);
    }
  }

  private static void add(Read read, Map<Key, Read> found) {
    found.merge(
        new Key(read.beforeNode(), read.tensor()), read, (a, b) -> a.bound() <= b.bound() ? a : b);
  }

  /**
   * The exclusive upper bound of the values a tensor has when a node begins, if the graph itself
   * makes them and they are 0 or more by construction.
   *
   * @param node index in the list of nodes
   * @param tensor index of a descriptor that the node uses
   */
  public OptionalLong knownBound(int node, int tensor) {
    Origin origin = originOf(node, tensor, new Steps());
    return origin == null || !origin.leaves().isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(origin.bound());
  }

  /**
   * Whether no row of a tensor of indices holds a number twice when a node begins: because it is a
   * part of the same row of what ARGSORT or TOP_K has made.
   *
   * @param node index in the list of nodes
   * @param tensor index of a descriptor that the node uses
   */
  public boolean distinctInRows(int node, int tensor) {
    int writer = writes.lastBefore(node, tensor);
    if (writer < 0 || !writes.covers(writer, tensor)) {
      return false;
    }
    RpcTensor made = graph.tensor(graph.nodeIndex(writer));
    RpcTensor read = graph.tensor(tensor);
    TensorOp op = TensorOp.ofCode(made.op()).orElse(TensorOp.NONE);
    if ((op != TensorOp.ARGSORT && op != TensorOp.TOP_K) || made.type() != read.type()) {
      return false;
    }
    long inRow = Long.remainderUnsigned(read.data() - made.data(), made.nb(1));
    return read.nb(0) == made.nb(0)
        && (read.ne(1) == 1 || read.nb(1) == made.nb(1))
        && read.ne(2) == 1
        && read.ne(3) == 1
        && inRow + read.ne(0) * read.nb(0) <= made.nb(1);
  }

  /**
   * Where values come from: all are below a bound by construction, or stand unchanged in tensors
   * that the graph does not write before it reads them.
   */
  private record Origin(long bound, List<Integer> leaves) {
    static Origin join(Origin a, Origin b) {
      List<Integer> leaves = new ArrayList<>(a.leaves);
      leaves.addAll(b.leaves);
      return new Origin(Math.max(a.bound, b.bound), leaves);
    }
  }

  /** Bounds the search: chains of CONCAT would otherwise double it at every link. */
  private static final class Steps {
    private int left = MAX_STEPS;

    boolean take() {
      return left-- > 0;
    }
  }

  private @Nullable Origin originOf(int node, int tensor, Steps steps) {
    int writer = writes.lastBefore(node, tensor);
    RpcTensor read = graph.tensor(tensor);
    if (writer < 0) {
      return Types.INDICES.contains(read.tensorType()) ? new Origin(0, List.of(tensor)) : null;
    }
    int maker = graph.nodeIndex(writer);
    RpcTensor made = graph.tensor(maker);
    if (!steps.take() || made.type() != read.type() || !writes.covers(writer, tensor)) {
      return null;
    }
    return switch (TensorOp.ofCode(made.op()).orElse(TensorOp.NONE)) {
      case ARGSORT, TOP_K, ARGMAX ->
          new Origin(graph.tensor(graph.sourceIndex(maker, 0)).ne(0), List.of());
      case CONT, DUP, CPY, REPEAT -> handedOn(writer, maker, 0, steps);
      case GET_ROWS -> chosen(handedOn(writer, maker, 0, steps));
      case CONCAT -> joined(handedOn(writer, maker, 0, steps), handedOn(writer, maker, 1, steps));
      default -> null;
    };
  }

  /** The origin of an operand that the node only moves. */
  private @Nullable Origin handedOn(int node, int maker, int source, Steps steps) {
    int from = graph.sourceIndex(maker, source);
    TensorType before = graph.tensor(from).tensorType();
    TensorType after = graph.tensor(maker).tensorType();
    Origin origin = originOf(node, from, steps);
    if (origin == null || before == after) {
      return origin;
    }
    // llama.cpp sorts row numbers as floats; up to 2^24 none of them changes on the way.
    boolean exact =
        (before == TensorType.I32 && after == TensorType.F32)
            || (before == TensorType.F32 && after == TensorType.I32);
    return exact && origin.leaves().isEmpty() && origin.bound() <= EXACT_IN_F32 ? origin : null;
  }

  /** A table that the graph does not make may hold anything in the rows that are not chosen. */
  private static @Nullable Origin chosen(@Nullable Origin table) {
    return table == null || table.leaves().isEmpty() ? table : null;
  }

  private static @Nullable Origin joined(@Nullable Origin a, @Nullable Origin b) {
    return a == null || b == null ? null : Origin.join(a, b);
  }

  /** Which node writes which bytes. */
  private static final class Writes {
    private final ComputeGraph graph;
    private final long[] buffer;
    private final long[] start;
    private final long[] end;
    private final boolean[] anywhere;

    Writes(ComputeGraph graph) {
      this.graph = graph;
      int nodes = graph.nodeCount();
      buffer = new long[nodes];
      start = new long[nodes];
      end = new long[nodes];
      anywhere = new boolean[nodes];
      for (int node = 0; node < nodes; node++) {
        RpcTensor result = graph.tensor(graph.nodeIndex(node));
        TensorOp op = TensorOp.ofCode(result.op()).orElse(TensorOp.NONE);
        buffer[node] = result.buffer();
        start[node] = result.data();
        end[node] = start[node];
        if (result.isComputed() && !op.noOperation()) {
          end[node] += result.byteSize();
          // These two write to their operands.
          anywhere[node] = op == TensorOp.OPT_STEP_ADAMW || op == TensorOp.OPT_STEP_SGD;
        }
      }
    }

    /** The last node before this one that writes any byte of the tensor, or -1. */
    int lastBefore(int node, int tensor) {
      RpcTensor read = graph.tensor(tensor);
      long from = read.data();
      long to = from + read.byteSize();
      for (int i = node - 1; i >= 0; i--) {
        if (anywhere[i] || overlaps(i, read.buffer(), from, to)) {
          return i;
        }
      }
      return -1;
    }

    boolean overlap(int node, int tensor) {
      RpcTensor read = graph.tensor(tensor);
      return overlaps(node, read.buffer(), read.data(), read.data() + read.byteSize());
    }

    private boolean overlaps(int node, long handle, long from, long to) {
      return buffer[node] == handle
          && Long.compareUnsigned(start[node], to) < 0
          && Long.compareUnsigned(from, end[node]) < 0;
    }

    /** Whether the node writes every byte of the tensor and nothing lies between its elements. */
    boolean covers(int node, int tensor) {
      RpcTensor read = graph.tensor(tensor);
      RpcTensor made = graph.tensor(graph.nodeIndex(node));
      return made.byteSize() == elementBytes(made)
          && Long.compareUnsigned(start[node], read.data()) <= 0
          && Long.compareUnsigned(read.data() + read.byteSize(), end[node]) <= 0
          && Long.remainderUnsigned(read.data() - start[node], made.tensorType().blockBytes()) == 0;
    }

    private static long elementBytes(RpcTensor tensor) {
      return tensor.ne(0)
          * tensor.ne(1)
          * tensor.ne(2)
          * tensor.ne(3)
          * tensor.tensorType().blockBytes();
    }
  }
}
