// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A graph of one client, sent without any check of its own. Each tensor gets a place of its own in
 * one buffer.
 */
final class WireGraph {
  private static final long ALIGNMENT = 256;
  private static final long BUFFER_BYTES = 1 << 20;

  private final RawClient client;
  private final RawClient.Buffer buffer;
  private final List<WireTensor> tensors = new ArrayList<>();
  private final List<Long> nodes = new ArrayList<>();
  private long used;

  private WireGraph(RawClient client, RawClient.Buffer buffer) {
    this.client = client;
    this.buffer = buffer;
  }

  /** A graph with a buffer of 1 MiB on {@code device}. */
  static WireGraph on(RawClient client, int device) throws IOException {
    return new WireGraph(client, client.allocate(device, BUFFER_BYTES));
  }

  RawClient.Buffer buffer() {
    return buffer;
  }

  WireTensor data(TensorType type, long... ne) {
    long address = buffer.base() + used;
    var tensor = new WireTensor(client.nextId(), type, buffer, address, ne);
    var shape = tensor.build().shape();
    long bytes = shape.empty() ? 0 : shape.nb(3) * shape.ne(3);
    used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    tensors.add(tensor);
    return tensor;
  }

  /** The result of an operation, to be computed. */
  WireTensor node(TensorOp op, TensorType type, long... ne) {
    var tensor = data(type, ne).with(it -> it.op(op).flags(RpcTensor.FLAG_COMPUTE));
    nodes.add(tensor.id());
    return tensor;
  }

  /** Puts an id into the list of nodes. */
  void list(long id) {
    nodes.add(id);
  }

  /** Describes a tensor, which then also is one of the graph. */
  void describe(WireTensor tensor) {
    tensors.add(tensor);
  }

  /** Removes a descriptor. */
  void forget(WireTensor tensor) {
    tensors.remove(tensor);
  }

  List<RpcTensor> tensors() {
    return tensors.stream().map(WireTensor::build).toList();
  }

  List<Long> nodes() {
    return List.copyOf(nodes);
  }

  void send(int device, long uid) throws IOException {
    client.sendBytes(Frames.graph(device, uid, nodes, tensors()));
  }

  /** A shape that need not fit anything. */
  static TensorShape shape(
      long ne0, long ne1, long ne2, long ne3, long nb0, long nb1, long nb2, long nb3) {
    return new TensorShape(ne0, ne1, ne2, ne3, nb0, nb1, nb2, nb3);
  }
}
