// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.wire.Direction;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * Follows what one connection does with tensors: which device a buffer is on, and which tensors'
 * data went there. Two threads at the same time: one sees the requests, one the responses.
 */
final class RelayTraffic {

  /** Layouts are sections 5 and 7 of docs/protocol.md. */
  private static final int TENSOR_BUFFER = 12;

  private static final int TENSOR_NAME = 228;
  private static final int TENSOR_NAME_BYTES = 64;
  private static final int SET_TENSOR_DATA = 305;
  private static final int HASH_BYTES_UNKNOWN = 0;

  private final RelayTarget target;
  private final Map<Long, Integer> deviceOfBuffer = new ConcurrentHashMap<>();
  private final Queue<Integer> allocations = new ConcurrentLinkedQueue<>();
  private final Queue<Hashed> hashes = new ConcurrentLinkedQueue<>();

  private record Hashed(int device, String tensor, long bytes) {}

  RelayTraffic(RelayTarget target) {
    this.target = target;
  }
}
