// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteResponse;
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
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * One client, which sees one server: what each of its commands is to the workers. Called by the
 * client's thread only.
 */
final class ClientSession implements AutoCloseable {
  private final WorkerLinks links;
  private final BufferMap buffers = new BufferMap();
  private final RpcServerChannel channel;
  private final ClientAnswers client;
  private final TensorWriter writer;
  private final ModelFiles models;

  /**
   * A session.
   *
   * @param channel to the client
   * @param links to the workers
   * @param models that it may load
   */
  ClientSession(RpcServerChannel channel, WorkerLinks links, ModelFiles models) {
    this.channel = channel;
    this.links = links;
    this.client = links.client();
    this.models = models;
    this.writer = new TensorWriter(channel, models);
  }

  /** Carries out one request; false when the client has said its last. */
  boolean next() throws IOException {
    if (!channel.hasBufferedInput()) {
      links.flushUnlessInputs();
    }
    var request = channel.readRequest();
    if (request == null) {
      return false;
    }
    carryOut(request);
    return true;
  }

  private void carryOut(RpcRequest request) throws IOException {
    switch (request) {
      case Hello _ ->
          client.answer(
              new RpcResponse.HelloAccepted(ProtocolEdition.CURRENT.version(), Capabilities.NONE));
      case DeviceCount _ -> client.answer(new RpcResponse.DeviceCounted(links.devices().size()));
      case GetAlignment(int device) -> {
        var to = device(device);
        client.answer(
            to.route.link().ask(new GetAlignment(to.number), RpcResponse.Alignment.class));
      }
      case GetMaxSize(int device) -> {
        var to = device(device);
        client.answer(to.route.link().ask(new GetMaxSize(to.number), RpcResponse.MaxSize.class));
      }
      case GetDeviceMemory(int device) -> {
        var to = device(device);
        client.answer(
            to.route.link().ask(new GetDeviceMemory(to.number), RpcResponse.DeviceMemory.class));
      }
      case GetAllocSize(int device, var tensor, var sources) -> {
        var to = device(device);
        var link = to.route.link();
        var query =
            new GetAllocSize(
                to.number,
                buffers.forWorker(tensor, link),
                sources.stream().map(source -> buffers.forWorker(source, link)).toList());
        client.answer(link.ask(query, RpcResponse.AllocSize.class));
      }
      case AllocBuffer(int device, long size) -> client.answer(allocate(device(device), size));
      case BufferGetBase(long handle) ->
          client.answer(new RpcResponse.BufferBase(buffers.get(handle).ownBase()));
      case FreeBuffer(long handle) -> {
        var buffer = buffers.remove(handle);
        var route = route(buffer);
        route.dropUsing(buffer);
        route.link().send(new FreeBuffer(buffer.handle()));
        route.link().flush();
      }
      case BufferClear(long handle, byte value) -> {
        var buffer = buffers.get(handle);
        buffer.clear();
        var route = route(buffer);
        route.reads().forget();
        route.link().send(new BufferClear(buffer.handle(), value));
        route.link().flush();
      }
      case InitTensor(var tensor) -> {
        var buffer = buffers.of(tensor);
        route(buffer).pass(new InitTensor(buffer.toWorker(tensor)));
      }
      case SetTensor set -> {
        var buffer = buffers.of(set.tensor());
        writer.write(set, buffer, route(buffer));
      }
      case SetTensor2d set -> {
        var buffer = buffers.of(set.tensor());
        writer.write(set, buffer, route(buffer));
      }
      case SetTensorHash(var tensor, long offset, long hash) -> {
        var buffer = buffers.of(tensor);
        client.answer(
            new RpcResponse.TensorHashed(
                writer.isKnown(tensor, offset, hash, buffer, route(buffer))));
      }
      case MemsetTensor(var tensor, long offset, long size, byte value) -> {
        var buffer = buffers.of(tensor);
        var route = route(buffer);
        route.reads().forget();
        route.link().send(new MemsetTensor(buffer.toWorker(tensor), offset, size, value));
        route.link().flush();
      }
      case GetTensor(var tensor, long offset, long size) -> {
        var buffer = buffers.of(tensor);
        route(buffer).read(buffer, tensor, offset, size);
      }
      case GetTensor2d(var tensor, long offset, long piece, long pieces, long stride) -> {
        var buffer = buffers.of(tensor);
        route(buffer)
            .readPlainly(new GetTensor2d(buffer.toWorker(tensor), offset, piece, pieces, stride));
      }
      case CopyTensor(var source, var target) -> copy(source, target);
      case GraphCompute(int device, long uid, var graph) -> {
        var to = device(device);
        models.keep();
        to.route.compute(to.number, uid, graph, buffers);
      }
      case GraphRecompute(int device, long uid) -> {
        var to = device(device);
        to.route.recompute(to.number, uid, buffers);
      }
      // Only clients of several endpoints ask for it, and this is one.
      case CommInit _ -> client.answer(new RpcResponse.CommInitialized(false));
      case CommAllreduce _, CommFree _ ->
          throw new RpcProtocolException(
              ProtocolFault.NO_COMMUNICATOR, "a router has no communicators");
      case RouteRequest _ -> throw new IllegalStateException("Nothing was agreed with the client");
    }
  }

  /** A device by the client's number, and its worker. */
  private record Target(WorkerRoute route, int number) {}

  private Target device(int number) throws IOException {
    var devices = links.devices();
    if (number < 0 || number >= devices.size()) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_DEVICE,
          "device %s does not exist: there are %d, numbered from 0"
              .formatted(Integer.toUnsignedString(number), devices.size()));
    }
    var device = devices.get(number);
    return new Target(links.to(device.worker()), device.device());
  }

  private WorkerRoute route(RoutedBuffer buffer) throws IOException {
    return links.to(buffer.link().number());
  }

  private RpcResponse.AllocatedBuffer allocate(Target to, long size) throws IOException {
    var link = to.route.link();
    var answer = link.ask(new AllocBuffer(to.number, size), RpcResponse.AllocatedBuffer.class);
    if (answer.buffer() == 0) {
      return answer;
    }
    var adopted = new AtomicBoolean();
    if (link.has(RouteFeature.PARKING)) {
      // Its answer comes with that of the next.
      link.send(
          new RouteRequest.Adopted(answer.buffer()),
          (response, _) -> adopted.set(((RouteResponse.Adopted) response).adopted()));
    }
    // A buffer of 0 bytes has no address.
    long base =
        answer.size() == 0
            ? 0
            : link.ask(new BufferGetBase(answer.buffer()), RpcResponse.BufferBase.class).address();
    var buffer = buffers.add(link, to.number, answer.buffer(), base, answer.size(), adopted.get());
    return new RpcResponse.AllocatedBuffer(buffer.ownHandle(), answer.size());
  }

  private void copy(RpcTensor source, RpcTensor target) throws IOException {
    var from = buffers.of(source);
    var to = buffers.of(target);
    client.answer(
        new RpcResponse.TensorCopied(
            links.copy(
                from,
                from.range(source, 0, source.byteSize()),
                source,
                to,
                to.range(target, 0, source.byteSize()),
                target)));
  }

  @Override
  public void close() {
    writer.close();
    links.close();
  }

  /** The last words, for workers that are still to hear them. */
  void finish() throws WorkerLostException {
    links.flush();
  }

  /** What a log calls this client. */
  @Nullable String peer() {
    return channel.peer();
  }
}
