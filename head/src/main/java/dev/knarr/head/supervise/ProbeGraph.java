// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/**
 * A small multiplication of two F32 matrices that a device has to get right. All values are small
 * whole numbers, so the result is exact on every device, whatever precision its kernels choose. One
 * thread, the one that uses the channel.
 */
final class ProbeGraph {

  private static final int INNER = 64;
  private static final int ROWS = 8;
  private static final int COLUMNS = 4;

  /** A graph that is not to be stored. */
  private static final long UNSTORED = 0;

  private final RpcClientChannel channel;
  private final int device;

  ProbeGraph(RpcClientChannel channel, int device) {
    this.channel = channel;
    this.device = device;
  }

  /**
   * Runs the probe.
   *
   * @param alignmentBytes the device's alignment
   * @return what is wrong, as the end of a sentence that begins with the device; empty when the
   *     result is right
   */
  Optional<String> run(long alignmentBytes) throws IOException {
    long stride = Math.max(alignmentBytes, Float.BYTES * (long) INNER * ROWS);
    stride = Math.ceilDiv(stride, alignmentBytes) * alignmentBytes;
    long size = 3 * stride;
    channel.send(new RpcRequest.AllocBuffer(device, size));
    long buffer = channel.receive(RpcResponse.AllocatedBuffer.class).buffer();
    if (buffer == 0) {
      return Optional.of("cannot give a buffer of " + size + " bytes");
    }
    channel.send(new RpcRequest.BufferGetBase(buffer));
    long base = channel.receive(RpcResponse.BufferBase.class).address();

    RpcTensor left = matrix(1, buffer, base, INNER, ROWS, "knarr-probe-a");
    RpcTensor right = matrix(2, buffer, base + stride, INNER, COLUMNS, "knarr-probe-b");
    RpcTensor product =
        matrix(3, buffer, base + 2 * stride, ROWS, COLUMNS, "knarr-probe-c").toBuilder()
            .op(TensorOp.MUL_MAT)
            .flags(RpcTensor.FLAG_COMPUTE)
            .source(0, 1)
            .source(1, 2)
            .build();
    float[] a = values(INNER * ROWS, 5);
    float[] b = values(INNER * COLUMNS, 7);
    set(left, a);
    set(right, b);
    ComputeGraph graph = ComputeGraph.of(new long[] {3}, List.of(left, right, product));
    channel.send(new RpcRequest.GraphCompute(device, UNSTORED, graph));
    float[] result = get(product, ROWS * COLUMNS);
    channel.send(new RpcRequest.FreeBuffer(buffer));
    channel.flush();
    return compare(a, b, result);
  }

  private static RpcTensor matrix(
      long id, long buffer, long address, int ne0, int ne1, String name) {
    return RpcTensor.builder()
        .id(id)
        .type(TensorType.F32)
        .buffer(buffer)
        .shape(TensorShape.contiguous(TensorType.F32, ne0, ne1, 1, 1))
        .data(address)
        .name(name)
        .build();
  }

  private static float[] values(int count, int period) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i % period - 2;
    }
    return values;
  }

  private void set(RpcTensor tensor, float[] values) throws IOException {
    ByteBuffer data =
        ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(values);
    channel.send(new RpcRequest.SetTensor(tensor, false, 0, data.remaining()));
    channel.sendData(data);
  }

  private float[] get(RpcTensor tensor, int count) throws IOException {
    channel.send(new RpcRequest.GetTensor(tensor, 0, (long) Float.BYTES * count));
    channel.receive(RpcResponse.TensorData.class);
    ByteBuffer data = ByteBuffer.allocate(Float.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
    channel.receiveData(data);
    float[] values = new float[count];
    data.flip().asFloatBuffer().get(values);
    return values;
  }

  private static Optional<String> compare(float[] a, float[] b, float[] result) {
    for (int column = 0; column < COLUMNS; column++) {
      for (int row = 0; row < ROWS; row++) {
        float expected = 0;
        for (int k = 0; k < INNER; k++) {
          expected += a[row * INNER + k] * b[column * INNER + k];
        }
        float found = result[column * ROWS + row];
        if (found != expected) {
          return Optional.of(
              "computes wrongly: a small matrix product has "
                  + found
                  + " where "
                  + expected
                  + " is right");
        }
      }
    }
    return Optional.empty();
  }
}
