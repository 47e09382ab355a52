// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.ggml.TensorDescription;
import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcRequest.AllocBuffer;
import dev.knarr.rpc.RpcRequest.BufferClear;
import dev.knarr.rpc.RpcRequest.BufferGetBase;
import dev.knarr.rpc.RpcRequest.CommAllreduce;
import dev.knarr.rpc.RpcRequest.CommFree;
import dev.knarr.rpc.RpcRequest.CommInit;
import dev.knarr.rpc.RpcRequest.CopyTensor;
import dev.knarr.rpc.RpcRequest.DeviceCount;
import dev.knarr.rpc.RpcRequest.FreeBuffer;
import dev.knarr.rpc.RpcRequest.GetAlignment;
import dev.knarr.rpc.RpcRequest.GetAllocSize;
import dev.knarr.rpc.RpcRequest.GetDeviceMemory;
import dev.knarr.rpc.RpcRequest.GetMaxSize;
import dev.knarr.rpc.RpcRequest.GetTensor;
import dev.knarr.rpc.RpcRequest.GetTensor2d;
import dev.knarr.rpc.RpcRequest.GraphCompute;
import dev.knarr.rpc.RpcRequest.GraphRecompute;
import dev.knarr.rpc.RpcRequest.Hello;
import dev.knarr.rpc.RpcRequest.InitTensor;
import dev.knarr.rpc.RpcRequest.MemsetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor2d;
import dev.knarr.rpc.RpcRequest.SetTensorHash;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.worker.cache.TensorCache;
import dev.knarr.worker.check.OperationCheck;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.GraphStores;
import dev.knarr.worker.graph.TensorDescriptions;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One client's buffers, graphs and communicators, and what each command does to them. Called by the
 * connection's thread only. Everything a command names is checked here or behind the calls made
 * here, before native code sees it.
 */
final class Session implements AutoCloseable {
  private final SessionDevices devices;
  private final BufferTable buffers = new BufferTable();
  private final TensorTransfer transfer = new TensorTransfer();
  private final HashedWeights weights;
  private final ConnectionUse use = new ConnectionUse();
  private final ClientLinks links;
  private final GraphStores graphs;
  private final TensorCache cache;
  private volatile @Nullable RouteSession route;

  /** By what a router is known whose weights may be parked; the connection's thread's. */
  private @Nullable String owner;

  Session(
      List<Device> devices,
      GraphStores graphs,
      ClientLinks links,
      TensorCache cache,
      ServerEvents events) {
    this.links = links;
    this.graphs = graphs;
    this.cache = cache;
    this.devices = new SessionDevices(devices, graphs, links, events, use);
    this.weights = new HashedWeights(cache, transfer);
  }

  /** What this client has and has had; any thread. */
  ConnectionUse use() {
    return use;
  }

  /** Carries out one request and writes its answer, if it has one. */
  void carryOut(RpcRequest request, RpcServerChannel channel) throws IOException {
    switch (request) {
      case Hello _ ->
          channel.write(
              new RpcResponse.HelloAccepted(ProtocolEdition.CURRENT.version(), Capabilities.NONE));
      case DeviceCount _ -> channel.write(new RpcResponse.DeviceCounted(devices.all().size()));
      case GetAlignment(int device) ->
          channel.write(new RpcResponse.Alignment(devices.get(device).device().ggml().alignment()));
      case GetMaxSize(int device) ->
          channel.write(new RpcResponse.MaxSize(maxSize(devices.get(device).device())));
      case GetDeviceMemory(int device) -> {
        var offered = devices.get(device).device();
        channel.write(new RpcResponse.DeviceMemory(offered.freeBytes(), offered.totalBytes()));
      }
      case GetAllocSize query -> channel.write(new RpcResponse.AllocSize(allocSize(query)));
      case AllocBuffer(int device, long size) -> channel.write(allocate(device, size));
      case BufferGetBase(long buffer) ->
          channel.write(new RpcResponse.BufferBase(buffers.base(buffer)));
      case FreeBuffer(long buffer) -> free(buffer);
      case BufferClear(long buffer, byte value) -> devices.idle(buffers.get(buffer)).fill(value);
      case InitTensor(var tensor) -> {
        var place = buffers.placed(tensor);
        initTensor(tensor, devices.idle(place));
      }
      case SetTensor set -> {
        var place = buffers.placed(set.tensor());
        weights.receive(set, devices.idle(place), channel);
      }
      case SetTensor2d set -> {
        var place = buffers.placed(set.tensor());
        transfer.receive(set, devices.idle(place), channel);
      }
      case SetTensorHash hashed -> {
        var place = buffers.placed(hashed.tensor());
        channel.write(new RpcResponse.TensorHashed(weights.load(hashed, devices.idle(place))));
      }
      case GetTensor get -> {
        var place = buffers.placed(get.tensor());
        transfer.send(get, devices.idle(place), channel);
      }
      case GetTensor2d get -> {
        var place = buffers.placed(get.tensor());
        transfer.send(get, devices.idle(place), channel);
      }
      case MemsetTensor(var tensor, long offset, long size, byte value) -> {
        var place = devices.idle(buffers.placed(tensor));
        place.buffer().fill(TensorTransfer.range(place, offset, size), size, value);
      }
      case CopyTensor copy -> channel.write(new RpcResponse.TensorCopied(copy(copy)));
      case GraphCompute compute -> compute(compute);
      case GraphRecompute(int device, long uid) -> recompute(devices.get(device), uid);
      case CommInit join -> channel.write(new RpcResponse.CommInitialized(join(join)));
      case CommAllreduce(int device, var tensor) ->
          devices
              .get(device)
              .communicator()
              .allreduce(tensor, devices.idle(buffers.placed(tensor)));
      case CommFree(int device) -> devices.get(device).communicator().close();
      case RouteRequest routed -> Objects.requireNonNull(route).carryOut(routed, channel);
    }
  }

  /**
   * From now on the client is a router, which was granted this.
   *
   * @param identity who it is
   */
  void serveRouter(Routers.Grant grant, PeerLinks peers, String identity) {
    owner = grant.terms().features().contains(RouteFeature.PARKING) ? identity : null;
    route =
        new RouteSession(
            buffers,
            devices,
            transfer,
            graphs.openForRouter(grant.graphBytes()),
            new InputSlots(grant.slotBytes()),
            peers,
            new RouteWeights(cache, transfer));
  }

  /** The fields of a request, valid or not, for the log. */
  String text(RpcRequest request) {
    return new CommandText(
            number ->
                number >= 0 && number < devices.all().size()
                    ? devices.get(number).device().name()
                    : Integer.toUnsignedString(number),
            handle -> buffers.find(handle).map(buffer -> buffer.device().name()).orElse("unknown"))
        .of(request);
  }

  /** On the wire, no limit is 2^64 - 1. */
  private static long maxSize(Device device) {
    long bytes = device.ggml().maxBufferBytes();
    return bytes == Long.MAX_VALUE ? -1 : bytes;
  }

  private RpcResponse.AllocatedBuffer allocate(int device, long size) {
    var offered = devices.get(device).device();
    // A size of 2^63 or more is a size no device has: the protocol's answer to that is 0, 0.
    if (size < 0 || buffers.isFull()) {
      return RpcResponse.AllocatedBuffer.FAILED;
    }
    return adopted(offered, size)
        .or(() -> offered.allocate(size))
        .map(buffer -> new RpcResponse.AllocatedBuffer(taken(buffer), size))
        .orElse(RpcResponse.AllocatedBuffer.FAILED);
  }

  private Optional<DeviceBuffer> adopted(Device device, long size) {
    return Optional.ofNullable(owner).flatMap(name -> device.parked().adopt(name, size));
  }

  private long taken(DeviceBuffer buffer) {
    use.allocated(buffer.bytes());
    return buffers.add(buffer);
  }

  private void free(long handle) {
    var buffer = devices.idle(buffers.get(handle));
    // A graph of another device may name this buffer too.
    for (var offered : devices.all()) {
      offered.queue().await();
      offered.graphs().dropUsing(buffer);
    }
    if (route != null) {
      route.dropUsing(buffer);
    }
    give(buffers.remove(handle));
    use.freed(buffer.bytes());
  }

  /** Gives a buffer back that nothing uses any more, or leaves it to those who come later. */
  private void give(DeviceBuffer buffer) {
    weights.withdraw(buffer);
    if (owner != null && buffer.isWorthParking()) {
      buffer.device().parked().park(owner, buffer);
    } else {
      buffer.close();
    }
  }

  private void initTensor(RpcTensor tensor, TensorPlace place) {
    requireWholeBlocks(tensor);
    var description = TensorDescriptions.plain(tensor);
    // Backends zero the padding behind the tensor, which must be inside the buffer too.
    long padded = place.buffer().device().ggml().allocSize(description, List.of());
    if (padded > place.buffer().bytes() - place.offset()) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "tensor %s needs %d bytes with its padding, and its buffer has %d left"
              .formatted(tensor.printableName(), padded, place.buffer().bytes() - place.offset()));
    }
    place
        .buffer()
        .initTensor(
            description,
            place.offset(),
            place.offset() + place.bytes(),
            place.offset() + Math.max(place.bytes(), padded));
  }

  private long allocSize(GetAllocSize query) {
    var device = devices.get(query.device()).device().ggml();
    long bytes = query.tensor().byteSize();
    // Host memory needs no room behind a tensor; only other backends are asked.
    if (device.hostMemory()) {
      return bytes;
    }
    OperationCheck.check(query.tensor(), query.sources());
    requireWholeBlocks(query.tensor());
    return Math.max(
        bytes,
        device.allocSize(
            TensorDescriptions.of(query.tensor()),
            query.sources().stream().map(Session::operand).toList()));
  }

  /** CUDA asserts on it where it works out the padding behind a row. */
  private static void requireWholeBlocks(RpcTensor tensor) {
    if (tensor.ne(0) % tensor.tensorType().blockElements() != 0) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_SHAPE,
          "tensor %s has rows of %d elements, no multiple of the %d of a block of %s"
              .formatted(
                  tensor.printableName(),
                  tensor.ne(0),
                  tensor.tensorType().blockElements(),
                  tensor.tensorType().label()));
    }
  }

  private static Optional<TensorDescription> operand(RpcTensor source) {
    return source.isNull() ? Optional.empty() : Optional.of(TensorDescriptions.of(source));
  }

  private boolean copy(CopyTensor copy) {
    var source = devices.idle(buffers.placed(copy.source()));
    var target = devices.idle(buffers.placed(copy.destination()));
    if (source.bytes() > target.bytes()) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "tensor %s of %d bytes does not fit into %s of %d bytes"
              .formatted(
                  copy.source().printableName(),
                  source.bytes(),
                  copy.destination().printableName(),
                  target.bytes()));
    }
    source.buffer().copyTo(source.offset(), target.buffer(), target.offset(), source.bytes());
    return true;
  }

  private void compute(GraphCompute request) {
    var offered = devices.get(request.device());
    offered.queue().makeRoom();
    var graph = offered.graphs().received(request.uid(), request.graph(), buffers);
    devices.made(offered, graph);
    devices.submit(offered, graph, false);
  }

  /** Whatever is wrong with the request, the answer is no: the client then does without. */
  private boolean join(CommInit request) {
    int device = request.device();
    return device >= 0
        && device < devices.all().size()
        && devices.get(device).communicator().join(request);
  }

  private void recompute(OfferedDevice offered, long uid) {
    offered.queue().makeRoom();
    devices.submit(offered, offered.graphs().named(uid), true);
  }

  /**
   * Waits for the graphs of a client that has said its last.
   *
   * @throws RuntimeException what the first that failed threw
   */
  void finish() {
    devices.finish();
  }

  /** Ends what the connection's thread waits for beside its client. Any thread. */
  void abort() {
    links.abort();
    var routed = route;
    if (routed != null) {
      routed.abort();
    }
  }

  /** Waits for running graphs, then frees everything. */
  @Override
  public void close() {
    devices.close();
    if (route != null) {
      route.close();
    }
    buffers.all().forEach(this::give);
    transfer.close();
  }
}
