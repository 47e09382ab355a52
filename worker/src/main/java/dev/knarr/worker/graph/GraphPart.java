// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.GgmlDevice;
import dev.knarr.ggml.GgmlGraph;
import dev.knarr.ggml.WeightRepack;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Some nodes of a graph, or all, on their way to a native graph: with the tensors that they touch
 * and no others, so that a graph in many steps takes no more memory than one in a single step. One
 * thread; close it, whether or not {@link #build} was reached.
 */
final class GraphPart implements AutoCloseable {
  /** Native memory of a tensor, and its layout if that is not the plain one. */
  record Spot(GgmlBuffer buffer, long offset, Optional<WeightRepack> repack) {}

  /** Where the tensors of a graph lie, by index; null for those without memory. */
  @FunctionalInterface
  interface Spots {
    @Nullable Spot of(int tensor);
  }

  private final GgmlGraph.Builder builder;

  /** From the graph's index of a tensor to the part's, -1 for those that are not in it. */
  private final IntUnaryOperator local;

  private GraphPart(GgmlGraph.Builder builder, IntUnaryOperator local) {
    this.builder = builder;
    this.local = local;
  }

  /**
   * All tensors of a graph.
   *
   * @param budget is asked for the native memory before it is allocated, and may refuse by throwing
   */
  static GraphPart whole(ComputeGraph graph, Spots spots, LongConsumer budget) {
    var part = open(graph.tensorCount(), graph.nodeCount(), index -> index, budget);
    part.describe(graph, IntStream.range(0, graph.tensorCount()), spots);
    return part;
  }

  /** The tensors that some nodes touch; the rest as for {@link #whole}. */
  static GraphPart of(ComputeGraph graph, List<Integer> nodes, Spots spots, LongConsumer budget) {
    Map<Integer, Integer> chosen = new LinkedHashMap<>();
    for (int node : nodes) {
      choose(graph, node, chosen);
      for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
        choose(graph, graph.sourceIndex(node, k), chosen);
      }
    }
    var part = open(chosen.size(), nodes.size(), index -> chosen.getOrDefault(index, -1), budget);
    part.describe(graph, chosen.keySet().stream().mapToInt(Integer::intValue), spots);
    return part;
  }

  private static GraphPart open(
      int tensors, int nodes, IntUnaryOperator local, LongConsumer budget) {
    budget.accept(GgmlGraph.nativeBytes(tensors, nodes));
    return new GraphPart(GgmlGraph.builder(tensors, nodes), local);
  }

  private static void choose(ComputeGraph graph, int tensor, Map<Integer, Integer> chosen) {
    if (tensor >= 0 && chosen.putIfAbsent(tensor, chosen.size()) == null) {
      choose(graph, graph.viewSourceIndex(tensor), chosen);
    }
  }

  private void describe(ComputeGraph graph, IntStream tensors, Spots spots) {
    try {
      tensors.forEach(index -> describe(graph, index, spots));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private void describe(ComputeGraph graph, int index, Spots spots) {
    var tensor = graph.tensor(index);
    long[] ne = new long[4];
    long[] nb = new long[4];
    for (int dimension = 0; dimension < 4; dimension++) {
      ne[dimension] = tensor.ne(dimension);
      nb[dimension] = tensor.nb(dimension);
    }
    int[] sources = new int[RpcTensor.MAX_SOURCES];
    for (int k = 0; k < sources.length; k++) {
      sources[k] = local(graph.sourceIndex(index, k));
    }
    var spot = spots.of(index);
    builder.tensor(
        local(index),
        tensor.type(),
        ne,
        nb,
        tensor.op(),
        tensor.opParams().toArray(),
        tensor.flags(),
        sources,
        local(graph.viewSourceIndex(index)),
        tensor.viewOffset(),
        spot == null ? null : spot.buffer,
        spot == null ? 0 : spot.offset,
        tensor.useCount(),
        tensor.name());
    if (spot != null && spot.repack.isPresent()) {
      builder.repacked(local(index), spot.repack.get());
    }
  }

  private int local(int tensor) {
    return tensor < 0 ? -1 : local.applyAsInt(tensor);
  }

  /** Whether a device can compute this tensor's operation. */
  boolean supported(GgmlDevice device, int tensor) {
    return builder.supported(device, local(tensor));
  }

  /** Makes the graph, once, of nodes that the part was made for. */
  GgmlGraph build(List<Integer> nodes) {
    nodes.forEach(node -> builder.node(local(node)));
    return builder.build();
  }

  @Override
  public void close() {
    builder.close();
  }
}
