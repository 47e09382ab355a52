// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest.GetTensor;
import dev.knarr.rpc.RpcRequest.GetTensor2d;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor2d;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.worker.cache.TensorRecording;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Moves tensor data between a connection's socket and device memory: straight where the host can
 * address the memory, else through one staging buffer that is made when first needed. Called by the
 * connection's thread only.
 */
final class TensorTransfer implements AutoCloseable {
  private static final int STAGING_BYTES = TensorRecording.PIECE_BYTES;
  private static final int HOST_CHUNK_BYTES = 1 << 30;

  private @Nullable Arena arena;
  private @Nullable ByteBuffer staging;

  private ByteBuffer staging() {
    var buffer = staging;
    if (buffer == null) {
      arena = Arena.ofShared();
      buffer = arena.allocate(STAGING_BYTES, 64).asByteBuffer();
      staging = buffer;
    }
    return buffer.clear();
  }

  /**
   * The offset in the buffer of {@code bytes} bytes at {@code offset} of a tensor.
   *
   * @throws RpcProtocolException if they are not inside the tensor
   */
  static long range(TensorPlace place, long offset, long bytes) {
    if (offset < 0 || bytes < 0 || offset > place.bytes() || bytes > place.bytes() - offset) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "%s bytes from offset %s are outside a tensor of %d bytes"
              .formatted(
                  Long.toUnsignedString(bytes), Long.toUnsignedString(offset), place.bytes()));
    }
    return place.offset() + offset;
  }

  void receive(SetTensor request, TensorPlace place, RpcServerChannel channel) throws IOException {
    receive(request, place, channel, null);
  }

  /** As {@link #receive(SetTensor, TensorPlace, RpcServerChannel)}, with a copy for a recording. */
  void receive(
      SetTensor request,
      TensorPlace place,
      RpcServerChannel channel,
      @Nullable TensorRecording recording)
      throws IOException {
    long at = range(place, request.offset(), request.dataBytes());
    receive(place.buffer(), at, request.dataBytes(), channel, recording);
  }

  /** Fills a place, with a copy for a recording. */
  void receive(TensorPlace place, RpcServerChannel channel, @Nullable TensorRecording recording)
      throws IOException {
    receive(place.buffer(), place.offset(), place.bytes(), channel, recording);
  }

  void receive(DeviceBuffer buffer, long at, long bytes, RpcServerChannel channel)
      throws IOException {
    receive(buffer, at, bytes, channel, null);
  }

  private void receive(
      DeviceBuffer buffer,
      long at,
      long bytes,
      RpcServerChannel channel,
      @Nullable TensorRecording recording)
      throws IOException {
    int chunk = buffer.host() && recording == null ? HOST_CHUNK_BYTES : STAGING_BYTES;
    buffer.overwrite(at, bytes);
    for (long done = 0; done < bytes; done += chunk) {
      int length = (int) Math.min(chunk, bytes - done);
      if (buffer.host()) {
        var view = buffer.viewForWrite(at + done, length);
        channel.readData(view);
        keep(view.flip(), recording);
      } else {
        var data = staging().limit(length);
        channel.readData(data);
        buffer.write(at + done, data.flip());
        keep(data, recording);
      }
    }
  }

  private static void keep(ByteBuffer data, @Nullable TensorRecording recording) {
    if (recording != null) {
      recording.add(data);
    }
  }

  /** Takes the bytes of a tensor, piece by piece. */
  @FunctionalInterface
  interface Sink {
    void write(ByteBuffer piece) throws IOException;
  }

  void send(GetTensor request, TensorPlace place, RpcServerChannel channel) throws IOException {
    long at = range(place, request.offset(), request.size());
    channel.beginData(request.size());
    send(place.buffer(), at, request.size(), channel::writeData);
  }

  void send(DeviceBuffer buffer, long at, long bytes, Sink sink) throws IOException {
    int chunk = buffer.host() ? HOST_CHUNK_BYTES : STAGING_BYTES;
    for (long done = 0; done < bytes; done += chunk) {
      int length = (int) Math.min(chunk, bytes - done);
      if (buffer.host()) {
        sink.write(buffer.viewForRead(at + done, length));
      } else {
        var data = staging().limit(length);
        buffer.read(at + done, data);
        sink.write(data.flip().limit(length));
      }
    }
  }

  void receive(SetTensor2d request, TensorPlace place, RpcServerChannel channel)
      throws IOException {
    long at =
        pieces(place, request.offset(), request.pieceBytes(), request.pieces(), request.stride());
    for (long i = 0; i < request.pieces(); i++) {
      receive(place.buffer(), at + i * request.stride(), request.pieceBytes(), channel, null);
    }
  }

  void send(GetTensor2d request, TensorPlace place, RpcServerChannel channel) throws IOException {
    long at =
        pieces(place, request.offset(), request.pieceBytes(), request.pieces(), request.stride());
    channel.beginData(Math.multiplyExact(request.pieceBytes(), request.pieces()));
    for (long i = 0; i < request.pieces(); i++) {
      send(place.buffer(), at + i * request.stride(), request.pieceBytes(), channel::writeData);
    }
  }

  /** The offset of the first of several pieces, after a check that the last is inside too. */
  private static long pieces(
      TensorPlace place, long offset, long pieceBytes, long pieces, long stride) {
    if (pieceBytes < 1 || pieces < 1 || stride < 0) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "%s pieces of %s bytes, %s apart, are no part of a tensor"
              .formatted(
                  Long.toUnsignedString(pieces),
                  Long.toUnsignedString(pieceBytes),
                  Long.toUnsignedString(stride)));
    }
    try {
      long span = Math.addExact(Math.multiplyExact(pieces - 1, stride), pieceBytes);
      Math.multiplyExact(pieces, pieceBytes);
      return range(place, offset, span);
    } catch (ArithmeticException e) {
      throw new RpcProtocolException(
          ProtocolFault.SIZE_OVERFLOW,
          "%d pieces of %d bytes, %d apart, overflow".formatted(pieces, pieceBytes, stride));
    }
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
