// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Adopted;
import dev.knarr.rpc.RouteRequest.Bind;
import dev.knarr.rpc.RouteRequest.Compute;
import dev.knarr.rpc.RouteRequest.Copy;
import dev.knarr.rpc.RouteRequest.ForgetGraph;
import dev.knarr.rpc.RouteRequest.ForgetSlot;
import dev.knarr.rpc.RouteRequest.Graph;
import dev.knarr.rpc.RouteRequest.Link;
import dev.knarr.rpc.RouteRequest.Offer;
import dev.knarr.rpc.RouteRequest.Pull;
import dev.knarr.rpc.RouteRequest.Push;
import dev.knarr.rpc.RouteRequest.Put;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteRequest.Read;
import dev.knarr.rpc.RouteRequest.Slot;
import dev.knarr.rpc.RouteRequest.Tensor;
import dev.knarr.rpc.RouteRequest.Weights;
import dev.knarr.rpc.RouteRequest.Write;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.RouteGraphs;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * What a router asks beside the public commands, on one connection. Called by the connection's
 * thread only, but for {@link #abort}.
 */
final class RouteSession implements AutoCloseable {
  private final BufferTable buffers;
  private final SessionDevices devices;
  private final TensorTransfer transfer;
  private final RouteGraphs graphs;
  private final InputSlots slots;
  private final PeerLinks links;
  private final RouteWeights weights;

  RouteSession(
      BufferTable buffers,
      SessionDevices devices,
      TensorTransfer transfer,
      RouteGraphs graphs,
      InputSlots slots,
      PeerLinks links,
      RouteWeights weights) {
    this.buffers = buffers;
    this.devices = devices;
    this.transfer = transfer;
    this.graphs = graphs;
    this.slots = slots;
    this.links = links;
    this.weights = weights;
  }

  void carryOut(RouteRequest request, RpcServerChannel channel) throws IOException {
    switch (request) {
      case Put put -> {
        var place = idle(put.buffer(), put.offset(), put.bytes(), put);
        slots.put(put, place, channel);
      }
      case Slot slot -> {
        var place = idle(slot.buffer(), slot.offset(), slot.bytes(), slot);
        slots.open(slot, place, channel);
      }
      case Write write -> {
        devices.idle(slots.place(write.slot()));
        slots.write(write, channel);
      }
      case ForgetSlot(int slot) -> slots.forget(slot);
      case Graph graph -> {
        byte[] steps = channel.readHeldData(graph.contentBytes());
        boolean kept =
            graphs.graph(graph.graph(), graph.base(), graph.contentBytes(), ByteBuffer.wrap(steps));
        channel.write(new RouteResponse.GraphKept(kept));
      }
      case ForgetGraph(int graph) -> {
        devices.finish();
        graphs.forget(graph);
      }
      case Bind bind -> bind(bind);
      case Compute(int binding) -> compute(binding);
      case Read(Range range) -> {
        var place = idle(range, request);
        channel.beginData(range.bytes());
        transfer.send(place.buffer(), place.offset(), place.bytes(), channel::writeData);
      }
      case Copy(Range source, long target, long offset) -> {
        var from = idle(source, request);
        var to = idle(target, offset, source.bytes(), request);
        from.buffer().copyTo(from.offset(), to.buffer(), to.offset(), from.bytes());
      }
      case Link link -> channel.write(new RouteResponse.Linked(links.connect(link)));
      case Push(int link, Range range) -> {
        var place = idle(range, request);
        links.push(link, place, transfer);
      }
      case Pull(int link, Range range) -> {
        var place = idle(range, request);
        links.pull(link, place, transfer);
      }
      case Offer offer -> {
        var place = idle(offer.range(), request);
        channel.write(new RouteResponse.Offered(weights.find(offer, place)));
      }
      case Weights sent -> weights.receive(sent, idle(sent.range(), request), channel);
      case Adopted(long buffer) ->
          channel.write(new RouteResponse.Adopted(buffers.get(buffer).isAdopted()));
      case Tensor _ ->
          throw new RpcProtocolException(
              ProtocolFault.BAD_FIELD, "a tensor for a link came from a router");
    }
  }

  private void bind(Bind bind) {
    var offered = devices.get(bind.device());
    offered.queue().makeRoom();
    var over = bind.buffers().stream().map(buffers::get).toList();
    var graph = graphs.bind(bind.binding(), offered.device(), bind.graph(), over);
    devices.made(offered, graph);
    devices.submit(offered, graph, false);
  }

  private void compute(int binding) {
    var offered = devices.of(graphs.device(binding));
    offered.queue().makeRoom();
    devices.submit(offered, graphs.bound(offered.device(), binding), true);
  }

  private TensorPlace idle(Range range, Object request) {
    return idle(range.buffer(), range.offset(), range.bytes(), request);
  }

  /** A place that a request names, once no graph writes it any more. */
  private TensorPlace idle(long buffer, long offset, long bytes, Object request) {
    return devices.idle(TensorPlace.inside(buffers.get(buffer), offset, bytes, request));
  }

  /** Ends what touches a buffer that is about to be freed. */
  void dropUsing(DeviceBuffer buffer) {
    graphs.dropUsing(buffer);
    slots.dropUsing(buffer);
  }

  /** Ends what the connection's thread may be waiting for. Any thread. */
  void abort() {
    links.abort();
  }

  @Override
  public void close() {
    links.close();
    slots.close();
    graphs.close();
  }
}
