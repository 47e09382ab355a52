// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcRequest.SetTensorHash;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.worker.cache.TensorCache;
import dev.knarr.worker.cache.TensorRecording;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * One connection's weights and the worker's cache: looked up by the hash that the client announces,
 * and kept as they arrive after a no. Called by the connection's thread only.
 */
final class HashedWeights {
  /** Clients ask for what is longer than this (section 12 of {@code docs/protocol.md}). */
  private static final long ASKED_ABOVE_BYTES = 10 << 20;

  private final TensorCache cache;
  private final TensorTransfer transfer;
  private @Nullable Announced announced;

  /** What the client has asked for last, in vain, and is about to send. */
  private record Announced(long hash, TensorPlace place, long at, long bytes) {}

  HashedWeights(TensorCache cache, TensorTransfer transfer) {
    this.cache = cache;
    this.transfer = transfer;
  }

  /**
   * Whether the data is there now. The request does not say how long it is: to the tensor's end.
   */
  boolean load(SetTensorHash request, TensorPlace place) {
    long at = TensorTransfer.range(place, request.offset(), 0);
    long bytes = place.bytes() - request.offset();
    boolean found =
        bytes > ASKED_ABOVE_BYTES && cache.load(request.hash(), place.buffer(), at, bytes);
    announced = found ? null : new Announced(request.hash(), place, at, bytes);
    return found;
  }

  /** Takes data in, and keeps it if the client says that it is worth that. */
  void receive(SetTensor request, TensorPlace place, RpcServerChannel channel) throws IOException {
    var expected = announced;
    announced = null;
    long at = TensorTransfer.range(place, request.offset(), request.dataBytes());
    // A part of a tensor could not be found again: hashes are asked for up to the tensor's end.
    boolean whole = request.dataBytes() == place.bytes() - request.offset();
    if (!request.cache() || !whole || request.dataBytes() <= ASKED_ABOVE_BYTES) {
      transfer.receive(request, place, channel);
      return;
    }
    try (TensorRecording recording = cache.record(request.dataBytes()).orElse(null)) {
      transfer.receive(request, place, channel, recording);
      if (recording != null) {
        recording.finish();
      }
    }
    if (expected != null
        && expected.equals(new Announced(expected.hash, place, at, request.dataBytes()))) {
      cache.arrived(expected.hash, place.buffer(), at, request.dataBytes());
    }
  }

  /** Must be called before a buffer is closed. */
  void withdraw(DeviceBuffer buffer) {
    cache.withdraw(buffer);
  }
}
