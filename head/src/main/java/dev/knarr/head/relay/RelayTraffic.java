// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.wire.FrameScanner;
import dev.knarr.rpc.wire.ScannedFrame;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Follows what one connection does with tensors: which device a buffer is on, and which tensors'
 * data went there. Two threads at the same time: one sees the requests, one the responses.
 */
final class RelayTraffic {

  private static final int UNKNOWN_DEVICE = -1;

  private final Relay.RelayTarget target;
  private final Map<Long, Integer> deviceOfBuffer = new ConcurrentHashMap<>();

  /** Requests that wait for their answers, which come in the same order. */
  private final Queue<Integer> allocations = new ConcurrentLinkedQueue<>();

  private final Queue<Hashed> hashes = new ConcurrentLinkedQueue<>();

  private record Hashed(int device, String tensor, long bytes) {}

  RelayTraffic(Relay.RelayTarget target) {
    this.target = target;
  }

  /** A request has passed. */
  void request(ScannedFrame frame, FrameScanner scanner) {
    switch (frame.command()) {
      case ALLOC_BUFFER -> allocations.add(frame.device());
      case FREE_BUFFER -> deviceOfBuffer.remove(scanner.fields().getLong());
      case SET_TENSOR ->
          scanner.tensor().ifPresent(tensor -> set(tensor, dataBytes(frame, frame.command())));
      case SET_TENSOR_2D ->
          scanner.tensor().ifPresent(tensor -> set(tensor, dataBytes(frame, frame.command())));
      case SET_TENSOR_HASH ->
          scanner
              .tensor()
              .ifPresent(t -> hashes.add(new Hashed(deviceOf(t), t.name(), t.byteSize())));
      case GET_TENSOR ->
          scanner
              .tensor()
              .ifPresent(tensor -> target.listener().tensorRead(target.worker(), tensor));
      default -> {
        // Says nothing about where a tensor lies.
      }
    }
  }

  /** A response has passed. */
  void response(ScannedFrame frame, FrameScanner scanner) {
    switch (frame.command()) {
      case ALLOC_BUFFER -> {
        Integer device = allocations.poll();
        long buffer = scanner.fields().getLong();
        if (device != null && buffer != 0) {
          deviceOfBuffer.put(buffer, device);
        }
      }
      case COMM_INIT -> {
        if (scanner.fields().get() == 0) {
          target.listener().linkFailed(target.worker());
        }
      }
      case SET_TENSOR_HASH -> {
        Hashed hashed = hashes.poll();
        if (hashed != null && scanner.fields().get() != 0) {
          tell(hashed.device(), hashed.tensor(), hashed.bytes(), true);
        }
      }
      default -> {
        // Says nothing about where a tensor lies.
      }
    }
  }

  private static long dataBytes(ScannedFrame frame, RpcCommand command) {
    return frame.bytes() - RpcCommand.REQUEST_FRAMING_BYTES - command.requestBytes();
  }

  private void set(RpcTensor tensor, long bytes) {
    tell(deviceOf(tensor), tensor.name(), bytes, false);
  }

  private int deviceOf(RpcTensor tensor) {
    return deviceOfBuffer.getOrDefault(tensor.buffer(), UNKNOWN_DEVICE);
  }

  private void tell(int device, String tensor, long bytes, boolean known) {
    target.listener().tensorSet(target.worker(), device, tensor, bytes, known);
  }
}
