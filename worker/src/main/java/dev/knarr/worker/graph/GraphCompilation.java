// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.GgmlDevice;
import dev.knarr.ggml.TensorDescription;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.worker.check.GraphCheck;
import dev.knarr.worker.check.IndexPlan;
import dev.knarr.worker.check.IndexPlan.Read;
import dev.knarr.worker.check.NodeWork;
import dev.knarr.worker.check.OperationCheck;
import dev.knarr.worker.check.ScratchMemory;
import dev.knarr.worker.device.Device;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The making of one {@link CompiledGraph}. Nodes go into one native graph as long as the device can
 * compute them and nothing has to happen between them; a node it cannot compute, and an index
 * tensor that must be checked after it was computed, begin a new step.
 */
final class GraphCompilation implements AutoCloseable {
  /** The operations for which clients ask GET_ALLOC_SIZE (section 7.14 of the protocol). */
  private static final Set<TensorOp> KEEP_VALUES_BEHIND =
      EnumSet.of(
          TensorOp.CUMSUM,
          TensorOp.MUL_MAT,
          TensorOp.MUL_MAT_ID,
          TensorOp.ARGSORT,
          TensorOp.TOP_K,
          TensorOp.FLASH_ATTN_EXT);

  /**
   * After how many multiply-adds a new step begins on a device that can be stopped between steps
   * only: a fraction of a second for a graphics processor, and more than the graph of a token has.
   */
  private static final long WORK_OF_A_STEP = 10_000_000_000_000L;

  private final ComputeGraph graph;
  private final Device device;
  private final LongPredicate working;
  private final FallbackLog fallbacks;
  private final @Nullable TensorPlace[] places;
  private final List<GraphStep> steps = new ArrayList<>();

  /** Weights that are in a layout of their own, as tensor indices. */
  private final BitSet repacked = new BitSet();

  /** Operations of the step being collected, as tensor indices. */
  private final List<Integer> pending = new ArrayList<>();

  /** All of the graph, as the device is asked about it and, if one step will do, computes it. */
  private @Nullable GraphPart whole;

  private long wholeBytes;
  private boolean split;

  /**
   * Nodes that the CPU computes: one memory for the copies of all, as large as the largest needs.
   */
  private final List<CpuFallback> onCpu = new ArrayList<>();

  private final long mostWork;

  /** Of the operations being collected. */
  private long pendingWork;

  private long reservedBytes;
  private long scratchBytes;
  private boolean done;

  GraphCompilation(
      ComputeGraph graph,
      Device device,
      TensorPlaces resolver,
      LongPredicate working,
      FallbackLog fallbacks,
      long mostWork) {
    this.graph = graph;
    this.device = device;
    this.working = working;
    this.fallbacks = fallbacks;
    this.mostWork = mostWork;
    this.places = new TensorPlace[graph.tensorCount()];
    for (int i = 0; i < places.length; i++) {
      places[i] = shown(resolver.of(graph.tensor(i)));
    }
  }

  private static @Nullable TensorPlace shown(@Nullable TensorPlace place) {
    if (place != null) {
      place.buffer().show();
    }
    return place;
  }

  CompiledGraph compile() {
    GraphCheck.check(graph);
    if (device.ggml().hostMemory()) {
      requireScratch();
    }
    var indices = IndexPlan.of(graph);
    layOut(indices);
    var reads = indices.reads();
    reads.stream().filter(Read::beforeGraph).forEach(this::checkIndices);
    int next = 0;
    for (int node = 0; node < graph.nodeCount(); node++) {
      for (; next < reads.size() && reads.get(next).beforeNode() <= node; next++) {
        if (!reads.get(next).beforeGraph()) {
          checkIndices(reads.get(next));
        }
      }
      if (isComputed(node)) {
        add(graph.nodeIndex(node));
      }
    }
    finishLastStep();
    buildFallbacks();
    device.usesScratch(scratchBytes);
    done = true;
    return new CompiledGraph(device, steps, onCpu.size(), reservedBytes);
  }

  /** Puts weights into the layout that this graph will find them in. */
  private void layOut(IndexPlan indices) {
    if (device.repack().isEmpty()) {
      return;
    }
    var weights = WeightUses.of(graph, indices, places);
    // First what others need plain: it decides for good.
    for (int i = 0; i < places.length; i++) {
      var place = places[i];
      if (place != null && !weights.get(i)) {
        place.buffer().requirePlain(place.offset(), place.bytes());
      }
    }
    weights.stream().filter(this::repack).forEach(repacked::set);
  }

  private boolean repack(int index) {
    var tensor = graph.tensor(index);
    var place = places[index];
    return place != null
        && place.buffer().device() == device
        && place
            .buffer()
            .repack(
                place.offset(),
                place.bytes(),
                tensor.type(),
                new long[] {tensor.ne(0), tensor.ne(1), tensor.ne(2), tensor.ne(3)});
  }

  /**
   * ggml ends the process when it cannot allocate what a CPU graph needs beside its buffers; what
   * it once had it keeps. To ask for the free memory on every graph would read half a dozen files.
   */
  private void requireScratch() {
    scratchBytes = ScratchMemory.bytes(graph, device.threads());
    if (scratchBytes > device.scratchBytes() && !device.hasHostMemory(scratchBytes)) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "a graph needs %d bytes of scratch memory and device %s has %d left"
              .formatted(scratchBytes, device.name(), device.hostFreeBytes()));
    }
  }

  /** A node without the flag is there for its shape: its operands may never have been written. */
  private boolean isComputed(int node) {
    return graph.tensor(graph.nodeIndex(node)).isComputed();
  }

  private void add(int index) {
    if (isNoOperation(index)) {
      pending.add(index);
      return;
    }
    long work = boundedWork(index);
    requireOnDevice(index, "the result");
    requireRoomBehind(index);
    computesInto(index);
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      int source = graph.sourceIndex(index, k);
      if (source >= 0) {
        requireOnDevice(source, "operand " + k);
      }
    }
    boolean onDevice = whole().supported(device.ggml(), index);
    if (device.ggml().hostMemory() || !onDevice) {
      checkNumbersToSort(index);
    }
    if (onDevice) {
      pendingWork += work;
      if (pendingWork > WORK_OF_A_STEP && !device.stopsAtNodes()) {
        finishStep();
        pendingWork = work;
      }
      pending.add(index);
    } else {
      finishStep();
      split = true;
      steps.add(fallback(index));
    }
  }

  /** Results; two operations write to their operands as well. */
  private void computesInto(int index) {
    Optional.ofNullable(places[index]).ifPresent(place -> place.buffer().computes());
    int op = graph.tensor(index).op();
    if (op == TensorOp.OPT_STEP_ADAMW.code() || op == TensorOp.OPT_STEP_SGD.code()) {
      for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
        int source = graph.sourceIndex(index, k);
        if (source >= 0 && places[source] != null) {
          places[source].buffer().computes();
        }
      }
    }
  }

  private void checkNumbersToSort(int index) {
    var node = graph.tensor(index);
    if (node.op() != TensorOp.ARGSORT.code()) {
      return;
    }
    int source = graph.sourceIndex(index, 0);
    var place = places[source];
    if (place != null && place.bytes() > 0) {
      finishStep();
      steps.add(new GraphStep.CheckNumbers(NumberCheck.of(graph.tensor(source), place)));
    }
  }

  /** A device cannot be stopped within a node: what no time limit can end must not begin. */
  private long boundedWork(int index) {
    long work = NodeWork.of(graph, index);
    if (work > mostWork) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "%s asks for %d multiply-adds in one node, more than %d, which %s can hardly do within knarr.worker.graph-timeout"
              .formatted(graph.tensor(index).printableName(), work, mostWork, device.name()));
    }
    return work;
  }

  private boolean isNoOperation(int index) {
    return TensorOp.ofCode(graph.tensor(index).op()).orElseThrow().noOperation();
  }

  private void requireOnDevice(int index, String role) {
    var tensor = graph.tensor(index);
    var place = places[index];
    if (place == null) {
      if (tensor.byteSize() == 0) {
        return;
      }
      throw new RpcProtocolException(
          ProtocolFault.BAD_GRAPH,
          "%s %s of a computed node has no buffer".formatted(role, tensor.printableName()));
    }
    if (place.buffer().device() != device) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_GRAPH,
          "%s %s of a node for device %s lies on device %s"
              .formatted(
                  role, tensor.printableName(), device.name(), place.buffer().device().name()));
    }
  }

  private void checkIndices(Read read) {
    var place = places[read.tensor()];
    if (place != null && place.bytes() > 0) {
      finishStep();
      var check = IndexCheck.of(graph.tensor(read.tensor()), place, read.bound());
      steps.add(new GraphStep.CheckIndices(check));
    }
  }

  /**
   * Some backends keep intermediate values behind a result. The client has asked how many bytes
   * that takes and has reserved the most of the answer and of the tensor itself, so a result that
   * it has placed has that room. Its question knows neither operands nor, once asked, another shape
   * of them (section 7.14 of the protocol); where a backend's need grew with them, the stock server
   * would write behind the buffer, and this is all that keeps it from that. CUDA, ROCm and Vulkan
   * need no more than the tensor for any of these operations.
   */
  private void requireRoomBehind(int index) {
    var place = places[index];
    var node = graph.tensor(index);
    if (place == null
        || device.ggml().hostMemory()
        || !KEEP_VALUES_BEHIND.contains(TensorOp.ofCode(node.op()).orElseThrow())) {
      return;
    }
    var sources = new ArrayList<Optional<TensorDescription>>();
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      int source = graph.sourceIndex(index, k);
      sources.add(
          source < 0 ? Optional.empty() : Optional.of(TensorDescriptions.of(graph.tensor(source))));
    }
    long bytes = device.ggml().allocSize(TensorDescriptions.of(node), sources);
    if (bytes > place.buffer().bytes() - place.offset()) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "%s needs %d bytes on %s, and its buffer has %d left"
              .formatted(
                  node.printableName(),
                  bytes,
                  device.name(),
                  place.buffer().bytes() - place.offset()));
    }
  }

  private GraphPart whole() {
    if (whole == null) {
      long before = reservedBytes;
      whole = GraphPart.whole(graph, this::onDevice, this::reserve);
      wholeBytes = reservedBytes - before;
    }
    return whole;
  }

  private GraphPart.@Nullable Spot onDevice(int tensor) {
    var place = places[tensor];
    return place == null
        ? null
        : new GraphPart.Spot(
            place.buffer().memory(),
            place.offset(),
            repacked.get(tensor) ? device.repack() : Optional.empty());
  }

  private void reserve(long bytes) {
    if (!working.test(bytes)) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "graphs of all clients of device %s would take more than the %d bytes of working memory"
              .formatted(device.name(), device.workingLimitBytes()));
    }
    reservedBytes += bytes;
  }

  private void finishStep() {
    if (!pending.isEmpty()) {
      split = true;
      try (var part = GraphPart.of(graph, pending, this::onDevice, this::reserve)) {
        steps.add(new GraphStep.OnDevice(part.build(pending)));
      }
      pending.clear();
      pendingWork = 0;
    }
  }

  private void finishLastStep() {
    if (!split && !pending.isEmpty()) {
      steps.add(new GraphStep.OnDevice(whole().build(pending)));
      pending.clear();
    } else {
      finishStep();
      device.releaseWorking(wholeBytes);
      reservedBytes -= wholeBytes;
    }
  }

  /** A step that computes one node on the CPU, to be built when all of them are known. */
  private CpuFallback fallback(int index) {
    if (device.cpu().isEmpty()) {
      throw unsupported(index);
    }
    if (scratchBytes == 0) {
      requireScratch();
    }
    var operands = new ArrayList<TensorPlace>();
    for (int k = -1; k < RpcTensor.MAX_SOURCES; k++) {
      int tensor = k < 0 ? index : graph.sourceIndex(index, k);
      if (tensor >= 0 && places[tensor] != null) {
        operands.add(places[tensor]);
      }
    }
    var result = places[index];
    if (result == null) {
      throw unsupported(index);
    }
    var fallback = new CpuFallback(index, operands, result);
    onCpu.add(fallback);
    return fallback;
  }

  private void buildFallbacks() {
    if (onCpu.isEmpty()) {
      return;
    }
    long bytes =
        onCpu.stream().mapToLong(CpuFallback::bytes).max().orElseThrow()
            + OperationCheck.OVERREAD_BYTES;
    reserve(bytes);
    GgmlDevice cpu = device.cpu().orElseThrow();
    var memory = cpu.allocate(bytes);
    onCpu.forEach(fallback -> fallback.use(memory));
    for (var fallback : onCpu) {
      build(fallback, cpu, memory);
    }
  }

  private void build(CpuFallback fallback, GgmlDevice cpu, GgmlBuffer memory) {
    int index = fallback.node();
    var node = List.of(index);
    GraphPart.Spots spots =
        tensor -> {
          var place = places[tensor];
          return place != null && fallback.holds(place)
              ? new GraphPart.Spot(memory, fallback.offsetOf(place), Optional.empty())
              : null;
        };
    try (var part = GraphPart.of(graph, node, spots, this::reserve)) {
      if (!part.supported(cpu, index)) {
        throw unsupported(index);
      }
      fallbacks.fellBack(device, graph.tensor(index));
      fallback.compute(part.build(node));
    }
  }

  private RpcProtocolException unsupported(int index) {
    var node = graph.tensor(index);
    var operands = new StringBuilder();
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      int source = graph.sourceIndex(index, k);
      if (source >= 0) {
        var operand = graph.tensor(source);
        operands.append(", ").append(operand.tensorType()).append(' ').append(operand.shape());
      }
    }
    return new RpcProtocolException(
        ProtocolFault.UNSUPPORTED_OP,
        "device %s cannot compute %s %s: result %s %s%s"
            .formatted(
                device.name(),
                TensorOp.ofCode(node.op()).orElseThrow(),
                node.printableName(),
                node.tensorType(),
                node.shape(),
                operands));
  }

  @Override
  public void close() {
    if (whole != null) {
      whole.close();
    }
    if (!done) {
      steps.forEach(GraphStep::close);
      device.releaseWorking(reservedBytes);
    }
  }
}
