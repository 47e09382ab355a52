// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.Fnv1a;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse.TensorHashed;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;

/** A client that loads large tensors as llama.cpp does: asks by hash, and sends after a no. */
final class WeightsClient implements AutoCloseable {
  /** A little more than what clients hash; several pieces and a short one. */
  static final int BYTES = (10 << 20) + 4096 + 32;

  private final RawClient client;
  private final int device;

  WeightsClient(int port, int device) throws IOException {
    this.client = RawClient.to(port);
    this.device = device;
  }

  /** Data that is always the same for a number. */
  static byte[] data(int number) {
    return data(number, BYTES);
  }

  static byte[] data(int number, int bytes) {
    byte[] data = new byte[bytes];
    new Random(number).nextBytes(data);
    return data;
  }

  /** A tensor of this connection that a test asks about. */
  RpcTensor allocate(int bytes) throws IOException {
    var buffer = client.allocate(device, bytes);
    return client.tensor(TensorType.I8, buffer, 0, bytes, 1).build();
  }

  RawClient raw() {
    return client;
  }

  boolean ask(RpcTensor tensor, long hash) throws IOException {
    client.channel().send(new RpcRequest.SetTensorHash(tensor, 0, hash));
    return client.channel().receive(TensorHashed.class).found();
  }

  void send(RpcTensor tensor, byte[] data) throws IOException {
    client.channel().send(new RpcRequest.SetTensor(tensor, true, 0, data.length));
    client.channel().sendData(ByteBuffer.wrap(data));
    client.channel().flush();
  }

  /**
   * Loads a tensor, and reads it back.
   *
   * @return whether it was found
   */
  boolean load(byte[] data) throws IOException {
    var tensor = allocate(data.length);
    boolean found = ask(tensor, Fnv1a.hash(data));
    if (!found) {
      send(tensor, data);
    }
    requireHolds(tensor, data);
    return found;
  }

  void requireHolds(RpcTensor tensor, byte[] data) throws IOException {
    if (!client.readBytes(tensor).equals(ByteBuffer.wrap(data))) {
      throw new AssertionError("The tensor does not hold what the client means");
    }
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
