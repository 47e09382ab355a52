// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.plan.LinkSpeed;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;

/**
 * Measures how much a link carries in each direction, by writing to a scratch buffer and reading
 * from it: any worker can do that. Sizes grow as long as the next is expected to take little time,
 * so that a slow link is busy for a second at most, and a fast one is past TCP's slow start. One
 * thread, the one that uses the channel.
 */
final class LinkProbe {

  private static final int FIRST_BYTES = 16 << 10;

  /** 10 Gbit/s take 3 ms for it: well above what a clock and a scheduler disturb. */
  private static final int MOST_BYTES = 4 << 20;

  private static final int GROWTH = 4;

  /** For one transfer of a size that is tried. */
  private static final long MOST_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final RpcClientChannel channel;
  private final int device;
  private final long roundTripNanos;

  /**
   * A probe.
   *
   * @param roundTripNanos the shortest round trip that was seen, which is no part of a transfer
   */
  LinkProbe(RpcClientChannel channel, int device, long roundTripNanos) {
    this.channel = channel;
    this.device = device;
    this.roundTripNanos = roundTripNanos;
  }

  /** Moves bytes in one direction and returns when the last of them has arrived. */
  private interface Transfer {
    void move(RpcTensor scratch, ByteBuffer data) throws IOException;
  }

  /** Measures; without room for a scratch buffer on the device only the round trip is told. */
  LinkSpeed measure() throws IOException {
    double roundTripMicros = roundTripNanos / 1000.0;
    channel.send(new RpcRequest.AllocBuffer(device, MOST_BYTES));
    long buffer = channel.receive(RpcResponse.AllocatedBuffer.class).buffer();
    if (buffer == 0) {
      return new LinkSpeed(roundTripMicros, 0, 0);
    }
    channel.send(new RpcRequest.BufferGetBase(buffer));
    long base = channel.receive(RpcResponse.BufferBase.class).address();
    try (Arena arena = Arena.ofConfined()) {
      ByteBuffer data = arena.allocate(MOST_BYTES).asByteBuffer();
      double forth = bytesPerSecond(buffer, base, data, this::write);
      double back = bytesPerSecond(buffer, base, data, this::read);
      return new LinkSpeed(roundTripMicros, forth, back);
    } finally {
      channel.send(new RpcRequest.FreeBuffer(buffer));
      channel.flush();
    }
  }

  private double bytesPerSecond(long buffer, long base, ByteBuffer data, Transfer transfer)
      throws IOException {
    int bytes = FIRST_BYTES;
    long nanos = nanos(scratch(buffer, base, bytes), data.slice(0, bytes), transfer);
    while (bytes < MOST_BYTES && nanos * GROWTH <= MOST_NANOS) {
      bytes *= GROWTH;
      nanos = nanos(scratch(buffer, base, bytes), data.slice(0, bytes), transfer);
    }
    // Whatever disturbs a transfer makes it slower, never faster.
    nanos = Math.min(nanos, nanos(scratch(buffer, base, bytes), data.slice(0, bytes), transfer));
    return bytes * 1e9 / nanos;
  }

  /** How long a transfer takes beside the round trip; never nothing. */
  private long nanos(RpcTensor scratch, ByteBuffer data, Transfer transfer) throws IOException {
    long begin = System.nanoTime();
    transfer.move(scratch, data);
    long elapsed = System.nanoTime() - begin;
    return Math.max(elapsed - roundTripNanos, elapsed / 10 + 1);
  }

  private void write(RpcTensor scratch, ByteBuffer data) throws IOException {
    channel.send(new RpcRequest.SetTensor(scratch, false, 0, data.remaining()));
    channel.sendData(data.duplicate());
    read(scratch, data.slice(0, 1));
  }

  private void read(RpcTensor scratch, ByteBuffer data) throws IOException {
    channel.send(new RpcRequest.GetTensor(scratch, 0, data.remaining()));
    channel.receive(RpcResponse.TensorData.class);
    channel.receiveData(data.duplicate());
  }

  private static RpcTensor scratch(long buffer, long base, int bytes) {
    return RpcTensor.builder()
        .id(1)
        .type(TensorType.I8)
        .buffer(buffer)
        .shape(TensorShape.contiguous(TensorType.I8, bytes, 1, 1, 1))
        .data(base)
        .name("knarr-link-probe")
        .build();
  }
}
