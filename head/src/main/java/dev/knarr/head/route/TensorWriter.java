// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor2d;
import dev.knarr.rpc.wire.RpcServerChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Takes what a client writes into tensors: inputs of graphs are packed, weights are passed on as
 * they come. The client's thread only.
 */
final class TensorWriter implements AutoCloseable {
  private static final int PIECE_BYTES = 256 << 10;

  private final RpcServerChannel channel;
  private final Arena arena = Arena.ofConfined();
  private MemorySegment piece;

  TensorWriter(RpcServerChannel channel) {
    this.channel = channel;
    this.piece = arena.allocate(PIECE_BYTES, 64);
  }

  void write(SetTensor set, RoutedBuffer buffer, WorkerRoute route) throws IOException {
    if (route.packsInputs() && isInput(set, buffer)) {
      writeInput(set, buffer, route);
      return;
    }
    route.reads().forget();
    route.pass(set, buffer);
    passData(set.dataBytes(), route);
    route.brought(buffer, set.tensor(), set.dataBytes(), false);
  }

  /**
   * Whether this is written again and again, or at least is no weight: it costs time to find out
   * what of it is new. The scheduler of ggml calls its copies of inputs so; a buffer is cleared
   * where it holds a cache. A wrong guess costs bytes.
   */
  private static boolean isInput(SetTensor set, RoutedBuffer buffer) {
    return buffer.wasCleared() || set.tensor().name().startsWith("RPC");
  }

  private void writeInput(SetTensor set, RoutedBuffer buffer, WorkerRoute route)
      throws IOException {
    var range = buffer.range(set.tensor(), set.offset(), set.dataBytes());
    long done = 0;
    do {
      int bytes = (int) Math.min(RouteRequest.MAX_PIECE_BYTES, set.dataBytes() - done);
      var content = piece(bytes);
      channel.readData(content.asByteBuffer());
      route.writeInput(new Range(range.buffer(), range.offset() + done, bytes), content);
      done += bytes;
    } while (done < set.dataBytes());
  }

  void write(SetTensor2d set, RoutedBuffer buffer, WorkerRoute route) throws IOException {
    route.reads().forget();
    route.pass(
        new SetTensor2d(
            buffer.toWorker(set.tensor()),
            set.offset(),
            set.pieceBytes(),
            set.pieces(),
            set.stride()));
    passData(set.dataBytes(), route);
    route.brought(buffer, set.tensor(), set.dataBytes(), false);
  }

  private void passData(long bytes, WorkerRoute route) throws IOException {
    ByteBuffer data = piece.asByteBuffer();
    for (long done = 0; done < bytes; done += data.limit()) {
      data.clear().limit((int) Math.min(data.capacity(), bytes - done));
      channel.readData(data);
      route.passData(data.flip());
    }
  }

  private MemorySegment piece(int bytes) {
    if (piece.byteSize() < bytes) {
      piece = arena.allocate(RouteRequest.MAX_PIECE_BYTES, 64);
    }
    return piece.asSlice(0, bytes);
  }

  @Override
  public void close() {
    arena.close();
  }
}
