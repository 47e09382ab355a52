// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.EndpointSpec.Address;
import dev.knarr.plan.ByteSize;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * How fast a worker takes in tensors: SET_TENSOR messages of one size into a buffer of that size,
 * without the flag that asks for them to be cached. One thread.
 */
final class Upload {
  /** Messages that are timed together, so that the one wait at the end weighs little. */
  private static final int MESSAGES = 4;

  /**
   * What is sent again and again: small enough for a processor's cache, so that this side costs as
   * little as it can.
   */
  private static final int SOURCE_BYTES = 1 << 20;

  private static final Duration LIMIT = Duration.ofMinutes(5);

  private final long messageBytes;
  private final ByteBuffer source = ByteBuffer.allocateDirect(SOURCE_BYTES);

  /** For messages of {@code messageBytes}, a multiple of four. */
  Upload(long messageBytes) {
    this.messageBytes = messageBytes;
    var bytes = new byte[SOURCE_BYTES];
    new Random(1).nextBytes(bytes);
    source.put(bytes).flip();
  }

  /** Bytes per second of the first device of the worker at {@code address}. */
  double bytesPerSecond(String address) {
    try (var socket = SocketChannel.open()) {
      var alarm =
          CompletableFuture.runAsync(
              () -> close(socket),
              CompletableFuture.delayedExecutor(LIMIT.toMillis(), TimeUnit.MILLISECONDS));
      try {
        var to = Address.parse(address);
        socket
            .socket()
            .connect(new InetSocketAddress(to.host(), to.port()), (int) LIMIT.toMillis());
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        return converse(
            address, RpcClientChannel.over(socket, WireLimits.defaults(), FrameMeter.NONE));
      } finally {
        alarm.cancel(false);
      }
    } catch (IOException | RpcProtocolException e) {
      throw new BenchException(
          "Uploading to %s failed: %s.".formatted(address, String.valueOf(e.getMessage())), e);
    }
  }

  private double converse(String address, RpcClientChannel channel) throws IOException {
    channel.hello();
    channel.send(new RpcRequest.AllocBuffer(0, messageBytes));
    long buffer = channel.receive(RpcResponse.AllocatedBuffer.class).buffer();
    if (buffer == 0) {
      throw new BenchException(
          "%s has no %s of free memory for --upload: name a smaller size."
              .formatted(address, ByteSize.format(messageBytes)));
    }
    channel.send(new RpcRequest.BufferGetBase(buffer));
    long base = channel.receive(RpcResponse.BufferBase.class).address();
    var tensor =
        RpcTensor.builder()
            .id(1)
            .type(TensorType.F32)
            .buffer(buffer)
            .shape(TensorShape.contiguous(TensorType.F32, messageBytes / Float.BYTES, 1, 1, 1))
            .data(base)
            .name("knarr-bench-upload")
            .build();
    // The first message also pays for the pages of fresh memory.
    set(channel, tensor);
    await(channel, tensor);
    long started = System.nanoTime();
    for (int i = 0; i < MESSAGES; i++) {
      set(channel, tensor);
    }
    await(channel, tensor);
    long nanos = System.nanoTime() - started;
    channel.send(new RpcRequest.FreeBuffer(buffer));
    channel.flush();
    return MESSAGES * messageBytes / (nanos / 1e9);
  }

  private void set(RpcClientChannel channel, RpcTensor tensor) throws IOException {
    channel.send(new RpcRequest.SetTensor(tensor, false, 0, messageBytes));
    for (long left = messageBytes; left > 0; left -= SOURCE_BYTES) {
      channel.sendData(source.slice(0, (int) Math.min(left, SOURCE_BYTES)));
    }
  }

  /** Reads a little of it back: answered when all before it is done. */
  private static void await(RpcClientChannel channel, RpcTensor tensor) throws IOException {
    channel.send(new RpcRequest.GetTensor(tensor, 0, Float.BYTES));
    channel.receive(RpcResponse.TensorData.class);
    channel.receiveData(ByteBuffer.allocate(Float.BYTES));
  }

  private static void close(SocketChannel socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // Closing is all that can be done to end the wait.
    }
  }
}
