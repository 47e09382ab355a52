// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.relay.RelayListener;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcRequest.GetTensor;
import dev.knarr.rpc.RpcRequest.GraphCompute;
import dev.knarr.rpc.RpcRequest.GraphRecompute;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How one client's commands get to one worker: by what both sides have agreed on, or by the public
 * commands. The client's thread only.
 */
final class WorkerRoute implements AutoCloseable {
  private final WorkerLink link;
  private final ClientAnswers client;
  private final RelayListener listener;
  private final RouterMeters meters;
  private final ReadAhead reads;
  private final Optional<WorkerInputs> inputs;
  private final Optional<WorkerGraphs> graphs;
  private final Optional<WeightStream> weights;
  private final boolean readAhead;

  /** What the client has named on a worker that keeps no graphs when a buffer is freed. */
  private final Map<Named, Plain> plain = new HashMap<>();

  private @Nullable GraphUse computed;
  private boolean inputsPending;
  private boolean pending;

  private record Named(int device, long uid) {}

  private static final class Plain {
    private final CompactGraph graph;
    private final List<Long> buffers;
    private boolean stored = true;

    private Plain(CompactGraph graph, List<Long> buffers) {
      this.graph = graph;
      this.buffers = buffers;
    }
  }

  WorkerRoute(WorkerLink link, ClientAnswers client, RelayListener listener, RouterMeters meters) {
    this.link = link;
    this.client = client;
    this.listener = listener;
    this.meters = meters;
    this.reads = new ReadAhead(link, client, meters);
    this.inputs =
        link.has(RouteFeature.INPUTS) ? Optional.of(new WorkerInputs(link)) : Optional.empty();
    this.graphs =
        link.has(RouteFeature.GRAPHS) ? Optional.of(new WorkerGraphs(link)) : Optional.empty();
    this.weights =
        link.has(RouteFeature.CONTENT) ? Optional.of(weightStream(link)) : Optional.empty();
    weights.ifPresent(link::follow);
    this.readAhead = link.has(RouteFeature.READ_AHEAD) && graphs.isPresent();
  }

  private WeightStream weightStream(WorkerLink to) {
    String worker = to.worker().name();
    return new WeightStream(
        to,
        "weights-" + worker,
        (piece, known) ->
            listener.tensorSet(
                worker, piece.device(), piece.tensor(), piece.range().bytes(), known));
  }

  /** By which weights go to this worker, if it can be asked for them. */
  Optional<WeightStream> weights() {
    return weights;
  }

  WorkerLink link() {
    return link;
  }

  ReadAhead reads() {
    return reads;
  }

  /** Whether only what changes of inputs is to be sent. */
  boolean packsInputs() {
    return inputs.isPresent();
  }

  /** Writes an input, which may wait for the graph that needs it. */
  void writeInput(Range range, MemorySegment content) throws WorkerLostException {
    reads.forget(range);
    inputs.orElseThrow().write(range, content);
    inputsPending = true;
  }

  /** Something else than an input has been put into the link's buffer. */
  void wrote() {
    pending = true;
  }

  /** Tells of weights that have come to the worker. */
  void brought(RoutedBuffer buffer, RpcTensor tensor, long bytes, boolean known) {
    listener.tensorSet(link.worker().name(), buffer.device(), tensor.name(), bytes, known);
  }

  /** Sends what is pending, unless it is nothing but inputs of a graph that is still to come. */
  void flushUnlessInputs() throws WorkerLostException {
    if (pending) {
      flush();
    }
  }

  void flush() throws WorkerLostException {
    if (pending || inputsPending) {
      pending = false;
      inputsPending = false;
      link.flush();
    }
  }

  /** Answers the client's read. */
  void read(RoutedBuffer buffer, RpcTensor tensor, long offset, long size) throws IOException {
    listener.tensorRead(link.worker().name(), tensor);
    var range = buffer.range(tensor, offset, size);
    if (computed != null) {
      computed.read(range);
    }
    if (reads.take(range)) {
      meters.readAhead();
      return;
    }
    meters.readAsked();
    if (graphs.isPresent()) {
      readPlainly(new RouteRequest.Read(range));
    } else {
      readPlainly(new GetTensor(buffer.toWorker(tensor), offset, size));
    }
  }

  /** Has the worker's answer passed on to the client. */
  void readPlainly(RpcRequest request) throws WorkerLostException {
    link.send(request, (RpcResponse _, RpcClientChannel from) -> client.passOn(from));
    link.flush();
  }

  void compute(int device, long uid, ComputeGraph graph, BufferMap buffers)
      throws WorkerLostException {
    reads.forget();
    var local = onlyLocal(graph, buffers);
    if (uid != 0 && graphs.isPresent()) {
      var compact = CompactGraph.of(local, handle -> buffers.get(handle).ownBase());
      var handles =
          Arrays.stream(compact.buffers()).mapToObj(own -> buffers.get(own).handle()).toList();
      if (handles.size() <= RouteRequest.MAX_BUFFERS
          && compact.bytes().length <= graphs.get().largestBytes()) {
        compute(graphs.get().received(device, uid, compact, handles));
        return;
      }
    }
    if (uid != 0) {
      if (plain.size() >= 1024) {
        plain.clear();
      }
      var compact = CompactGraph.of(local, handle -> buffers.get(handle).ownBase());
      plain.put(
          new Named(device, uid),
          new Plain(compact, Arrays.stream(compact.buffers()).boxed().toList()));
    }
    sendPlain(device, uid, local, buffers);
  }

  private void compute(GraphUse use) throws WorkerLostException {
    if (computed != null) {
      computed.passed();
    }
    graphs.orElseThrow().compute(use);
    computed = use;
    if (readAhead) {
      reads.expect(use);
    }
    link.flush();
    pending = false;
    inputsPending = false;
  }

  void recompute(int device, long uid, BufferMap buffers) throws WorkerLostException {
    reads.forget();
    var kept = plain.get(new Named(device, uid));
    if (kept == null && graphs.isPresent()) {
      compute(graphs.get().named(device, uid));
    } else if (kept == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_GRAPH,
          "graph %s was never sent, or a buffer it uses was freed"
              .formatted(Long.toUnsignedString(uid)));
    } else if (kept.stored) {
      link.send(new GraphRecompute(device, uid));
      link.flush();
    } else {
      kept.stored = true;
      var limits = WireLimits.defaults();
      var graph =
          CompactGraph.expand(kept.graph.bytes(), limits.maxGraphNodes(), limits.maxGraphTensors());
      sendGraph(
          device,
          uid,
          graph.mapped(
              tensor -> {
                if (tensor.buffer() == 0) {
                  return tensor;
                }
                var buffer = buffers.get(kept.buffers.get((int) tensor.buffer() - 1));
                return buffer.toWorker(
                    tensor.toBuilder().data(tensor.data() + buffer.ownBase()).build());
              }));
    }
  }

  private void sendPlain(int device, long uid, ComputeGraph graph, BufferMap buffers)
      throws WorkerLostException {
    sendGraph(device, uid, graph.mapped(tensor -> buffers.forWorker(tensor, link)));
  }

  private void sendGraph(int device, long uid, ComputeGraph graph) throws WorkerLostException {
    computed = null;
    link.send(new GraphCompute(device, uid, graph));
    link.flush();
  }

  /** What lies on other workers has no address here. */
  private ComputeGraph onlyLocal(ComputeGraph graph, BufferMap buffers) {
    for (int i = 0; i < graph.tensorCount(); i++) {
      var tensor = graph.tensor(i);
      if (tensor.buffer() != 0 && buffers.of(tensor).link() != link) {
        return graph.mapped(
            each ->
                each.buffer() == 0 || buffers.of(each).link() == link
                    ? each
                    : each.toBuilder().buffer(0).data(0).build());
      }
    }
    return graph;
  }

  /** A buffer is about to be freed. */
  void dropUsing(RoutedBuffer buffer) {
    reads.forget();
    computed = null;
    inputs.ifPresent(known -> known.dropUsing(buffer));
    graphs.ifPresent(known -> known.dropUsing(buffer));
    // A stock worker forgets all its graphs, which its client does not know.
    plain.values().removeIf(graph -> graph.buffers.contains(buffer.ownHandle()));
    plain.values().forEach(graph -> graph.stored = false);
  }

  /** Writes all of a request and its data as they came. */
  void pass(RpcRequest request) throws WorkerLostException {
    link.send(request);
    pending = true;
  }

  void passData(ByteBuffer data) throws WorkerLostException {
    link.sendData(data);
  }

  /** As {@link #pass}, for a tensor. */
  void pass(SetTensor set, RoutedBuffer buffer) throws WorkerLostException {
    pass(new SetTensor(buffer.toWorker(set.tensor()), set.cache(), set.offset(), set.dataBytes()));
  }

  @Override
  public void close() {
    weights.ifPresent(WeightStream::close);
    inputs.ifPresent(WorkerInputs::close);
    link.close();
  }
}
