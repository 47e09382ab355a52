// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
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
 * their use would otherwise smuggle any value in. Looking for the node that wrote last takes a few
 * steps in a graph as llama.cpp makes it, and a bounded number in any. Immutable; any thread.
 */
public final class IndexPlan {
  /** How many copies within a graph are followed to where numbers come from. */
  private static final int MAX_STEPS = 64;

  /** A fifth of a second; graphs of llama.cpp take thousands. */
  private static final long MAX_COMPARISONS = 1L << 25;

  /** In place of the buffer of a node that may write anywhere; no buffer has it. */
  private static final long ANYWHERE = 0;

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
   *     using; BUDGET_EXCEEDED when its memory is so tangled that it takes too long to see;
   *     SIZE_OVERFLOW or BAD_TENSOR_TYPE for a descriptor without a size
   */
  public static IndexPlan of(ComputeGraph graph) {
    return new IndexPlan(graph);
  }

  /** How many comparisons of memory it took to work this out. */
  long comparisons() {
    return writes.comparisons;
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
    long rowBytes = made.ne(0) * made.nb(0);
    return rowBytes > 0
        && read.nb(0) == made.nb(0)
        && (read.ne(1) == 1 || read.nb(1) == rowBytes)
        && read.ne(2) == 1
        && read.ne(3) == 1
        && Long.remainderUnsigned(read.data() - made.data(), rowBytes) + read.ne(0) * read.nb(0)
            <= rowBytes;
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

  /**
   * Which node writes which bytes. The nodes are the leaves of a binary tree, in their order; each
   * knot knows from where to where the nodes below it write, so that a search backwards passes over
   * whole stretches of nodes that write elsewhere.
   */
  private static final class Writes {
    private final ComputeGraph graph;

    /** The least power of two that is not less than the number of nodes: where the leaves begin. */
    private final int leaves;

    private final long[] buffer;
    private final long[] start;
    private final long[] end;
    private long comparisons;

    Writes(ComputeGraph graph) {
      this.graph = graph;
      int nodes = graph.nodeCount();
      leaves = Integer.highestOneBit(Math.max(1, 2 * nodes - 1));
      buffer = new long[nodes];
      start = new long[leaves + nodes + 1];
      end = new long[leaves + nodes + 1];
      for (int node = 0; node < nodes; node++) {
        RpcTensor result = graph.tensor(graph.nodeIndex(node));
        TensorOp op = TensorOp.ofCode(result.op()).orElse(TensorOp.NONE);
        int leaf = leaves + node;
        buffer[node] = result.buffer();
        start[leaf] = result.data();
        end[leaf] = start[leaf];
        if (result.isComputed() && !op.noOperation()) {
          end[leaf] += result.byteSize();
          // These two write to their operands.
          if (op == TensorOp.OPT_STEP_ADAMW || op == TensorOp.OPT_STEP_SGD) {
            buffer[node] = ANYWHERE;
            start[leaf] = 0;
            end[leaf] = -1;
          }
        }
      }
      for (int knot = leaves - 1; knot > 0; knot--) {
        join(knot);
      }
    }

    private void join(int knot) {
      int left = 2 * knot;
      int right = left + 1;
      if (left >= start.length || empty(left)) {
        copy(knot, right);
      } else if (right >= start.length || empty(right)) {
        copy(knot, left);
      } else {
        start[knot] = least(start[left], start[right]);
        end[knot] = most(end[left], end[right]);
      }
    }

    private void copy(int knot, int from) {
      if (from < start.length) {
        start[knot] = start[from];
        end[knot] = end[from];
      }
    }

    private boolean empty(int knot) {
      return start[knot] == end[knot];
    }

    private static long least(long a, long b) {
      return Long.compareUnsigned(a, b) <= 0 ? a : b;
    }

    private static long most(long a, long b) {
      return Long.compareUnsigned(a, b) >= 0 ? a : b;
    }

    /** The last node before this one that writes any byte of the tensor, or -1. */
    int lastBefore(int node, int tensor) {
      RpcTensor read = graph.tensor(tensor);
      long from = read.data();
      long to = from + read.byteSize();
      int knot = leaves + node;
      while (knot > 1) {
        // Up while there is nothing to the left, then to the left: all of it comes before the node.
        boolean right = (knot & 1) == 1;
        int before = knot - 1;
        knot >>= 1;
        if (right) {
          int found = lastBelow(before, read.buffer(), from, to);
          if (found >= 0) {
            return found;
          }
        }
      }
      return -1;
    }

    private int lastBelow(int knot, long handle, long from, long to) {
      if (knot >= start.length || !meets(knot, from, to)) {
        return -1;
      }
      if (knot >= leaves) {
        return buffer[knot - leaves] == handle || buffer[knot - leaves] == ANYWHERE
            ? knot - leaves
            : -1;
      }
      int found = lastBelow(2 * knot + 1, handle, from, to);
      return found >= 0 ? found : lastBelow(2 * knot, handle, from, to);
    }

    private boolean meets(int knot, long from, long to) {
      if (++comparisons > MAX_COMPARISONS) {
        throw new RpcProtocolException(
            BUDGET_EXCEEDED,
            "The nodes write over each other's memory in a way that takes more than %d steps to follow"
                .formatted(MAX_COMPARISONS));
      }
      return !empty(knot)
          && Long.compareUnsigned(start[knot], to) < 0
          && Long.compareUnsigned(from, end[knot]) < 0;
    }

    boolean overlap(int node, int tensor) {
      RpcTensor read = graph.tensor(tensor);
      return buffer[node] == read.buffer()
          && meets(leaves + node, read.data(), read.data() + read.byteSize());
    }

    /** Whether the node writes every byte of the tensor and nothing lies between its elements. */
    boolean covers(int node, int tensor) {
      RpcTensor read = graph.tensor(tensor);
      RpcTensor made = graph.tensor(graph.nodeIndex(node));
      return isPacked(made)
          && Long.compareUnsigned(start[leaves + node], read.data()) <= 0
          && Long.compareUnsigned(read.data() + read.byteSize(), end[leaves + node]) <= 0
          && Long.remainderUnsigned(
                  read.data() - start[leaves + node], made.tensorType().blockBytes())
              == 0;
    }

    /**
     * Whether elements follow each other without a gap and without lying over each other. A stride
     * counts as soon as there is a second step of it or of one above: some kernels take all rows to
     * be {@code nb[1]} apart.
     */
    private static boolean isPacked(RpcTensor tensor) {
      long next = tensor.tensorType().blockBytes();
      long steps = tensor.ne(0) * tensor.ne(1) * tensor.ne(2) * tensor.ne(3);
      if (tensor.byteSize() != steps * next) {
        return false;
      }
      for (int dimension = 0; dimension < 4; dimension++) {
        if (steps > 1 && tensor.nb(dimension) != next) {
          return false;
        }
        steps = tensor.ne(dimension) == 0 ? 0 : steps / tensor.ne(dimension);
        next *= tensor.ne(dimension);
      }
      return true;
    }
  }
}
