// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.worker.check.IndexPlan;
import dev.knarr.worker.device.DeviceBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which tensors of a graph are nothing but weights: operand 0 of multiplications that ggml can also
 * do from its repacked layout, and whose memory nothing else in the graph touches. Only these may
 * change their layout. Immutable; any thread.
 *
 * <p>The conditions are those of {@code forward_mul_mat} and {@code forward_mul_mat_id} in
 * ggml-cpu/repack.cpp, which asserts on some and trusts others; the graph has passed its checks.
 */
final class WeightUses {
  private final ComputeGraph graph;
  private final IndexPlan indices;
  private final @Nullable TensorPlace[] places;
  private final BitSet weights = new BitSet();

  private WeightUses(ComputeGraph graph, IndexPlan indices, @Nullable TensorPlace[] places) {
    this.graph = graph;
    this.indices = indices;
    this.places = places;
  }

  /**
   * Finds them.
   *
   * @param places where each tensor lies, null for those without memory
   * @return the indices of the tensors
   */
  static BitSet of(ComputeGraph graph, IndexPlan indices, @Nullable TensorPlace[] places) {
    var uses = new WeightUses(graph, indices, places);
    uses.findOperands();
    uses.leaveOutShared();
    return uses.weights;
  }

  private void findOperands() {
    var otherwise = new BitSet();
    for (int node = 0; node < graph.nodeCount(); node++) {
      int index = graph.nodeIndex(node);
      otherwise.set(index);
      for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
        int source = graph.sourceIndex(index, k);
        if (source >= 0) {
          (k == 0 && multiplies(node, index) ? weights : otherwise).set(source);
        }
      }
    }
    for (int i = 0; i < graph.tensorCount(); i++) {
      int viewed = graph.viewSourceIndex(i);
      if (viewed >= 0) {
        otherwise.set(i);
        otherwise.set(viewed);
      }
    }
    weights.andNot(otherwise);
    weights.stream()
        .filter(index -> places[index] == null || !contiguous(graph.tensor(index)))
        .forEach(weights::clear);
  }

  private boolean multiplies(int node, int index) {
    RpcTensor result = graph.tensor(index);
    if (!result.isComputed()) {
      return false;
    }
    return switch (TensorOp.ofCode(result.op()).orElse(TensorOp.NONE)) {
      case MUL_MAT ->
          fits(index, result)
              && graph.tensor(graph.sourceIndex(index, 0)).ne(2) == 1
              && rowsFollow(graph.tensor(graph.sourceIndex(index, 1)));
      case MUL_MAT_ID ->
          fits(index, result)
              && graph.tensor(graph.sourceIndex(index, 0)).ne(2) > 1
              // ggml makes room for each expert once per token.
              && indices.distinctInRows(node, graph.sourceIndex(index, 2));
      default -> false;
    };
  }

  private boolean fits(int index, RpcTensor result) {
    RpcTensor matrix = graph.tensor(graph.sourceIndex(index, 0));
    RpcTensor columns = graph.tensor(graph.sourceIndex(index, 1));
    return matrix.ne(1) > 1
        && matrix.ne(3) == 1
        && columns.type() == TensorType.F32.code()
        && columns.ne(3) == 1
        && columns.nb(1) % Float.BYTES == 0
        && columns.nb(2) % Float.BYTES == 0
        && result.nb(1) % Float.BYTES == 0
        && result.nb(2) % Float.BYTES == 0;
  }

  /** ggml quantises four rows at a time, and takes them for neighbours whatever their stride is. */
  private static boolean rowsFollow(RpcTensor columns) {
    return columns.ne(1) < 4 || columns.nb(1) == columns.ne(0) * Float.BYTES;
  }

  private static boolean contiguous(RpcTensor tensor) {
    TensorType type = tensor.tensorType();
    long next = type.blockBytes();
    for (int dimension = 0; dimension < 4; dimension++) {
      if (tensor.nb(dimension) != next) {
        return false;
      }
      next *= dimension == 0 ? tensor.ne(0) / type.blockElements() : tensor.ne(dimension);
    }
    return tensor.ne(0) % type.blockElements() == 0 && next > 0;
  }

  /** Leaves out those that share a byte with any tensor other than the same weights once more. */
  private void leaveOutShared() {
    if (weights.isEmpty()) {
      return;
    }
    Map<DeviceBuffer, List<Placed>> byBuffer = new HashMap<>();
    for (int i = 0; i < places.length; i++) {
      var place = places[i];
      if (place != null && place.bytes() > 0 && place.buffer().mayRepack()) {
        byBuffer.computeIfAbsent(place.buffer(), _ -> new ArrayList<>()).add(new Placed(i, place));
      }
    }
    byBuffer.values().forEach(this::leaveOutShared);
  }

  private record Placed(int tensor, TensorPlace place) {}

  private void leaveOutShared(List<Placed> inBuffer) {
    inBuffer.sort(Comparator.comparingLong(placed -> placed.place.offset()));
    // The one of those before that reaches furthest: whatever overlaps any of them overlaps it.
    Placed furthest = inBuffer.getFirst();
    for (var placed : inBuffer.subList(1, inBuffer.size())) {
      if (furthest.place.overlaps(placed.place) && !same(furthest, placed)) {
        weights.clear(furthest.tensor);
        weights.clear(placed.tensor);
      }
      if (placed.place.end() > furthest.place.end()) {
        furthest = placed;
      }
    }
    // Several descriptors of the same weights have the same fate.
    for (int from = 0, to; from < inBuffer.size(); from = to) {
      long offset = inBuffer.get(from).place.offset();
      to = from;
      while (to < inBuffer.size() && inBuffer.get(to).place.offset() == offset) {
        to++;
      }
      var twins = inBuffer.subList(from, to);
      if (!twins.stream().allMatch(twin -> weights.get(twin.tensor))) {
        twins.forEach(twin -> weights.clear(twin.tensor));
      }
    }
  }

  private boolean same(Placed a, Placed b) {
    RpcTensor one = graph.tensor(a.tensor);
    RpcTensor other = graph.tensor(b.tensor);
    return a.place.offset() == b.place.offset()
        && one.type() == other.type()
        && one.shape().equals(other.shape());
  }
}
