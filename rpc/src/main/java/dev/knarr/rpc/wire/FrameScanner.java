// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Follows one direction of a connection whose bytes are passed through unchanged, in whatever
 * chunks they come, and says which frames they were. It keeps the fixed fields of the frame in
 * hand, at most 337 bytes, and never its data.
 *
 * <p>The two scanners of a connection share a {@link ResponseTracker}. Feed a chunk of requests
 * <em>before</em> passing it on: otherwise the answer could come first. One thread.
 */
public final class FrameScanner {
  /** The fixed fields looked at: a descriptor and up to 32 bytes of offset, sizes and stride. */
  private static final int MAX_FIELDS = 328;

  private final Direction direction;
  private final WireLimits limits;
  private final ResponseTracker tracker;
  private final FrameMeter meter;
  private final FrameListener listener;
  private final ByteBuffer head =
      ByteBuffer.allocate(RpcCommand.REQUEST_FRAMING_BYTES + MAX_FIELDS)
          .order(ByteOrder.LITTLE_ENDIAN);
  private final int framingBytes;
  private final @Nullable LinkPlaces places;

  private @Nullable RpcCommand command;

  /** Bytes of the frame in hand that are still to come after {@link #head} is complete. */
  private long remaining;

  private long payloadBytes;

  private FrameScanner(
      Direction direction,
      WireLimits limits,
      ResponseTracker tracker,
      FrameMeter meter,
      FrameListener listener,
      @Nullable LinkPlaces places) {
    this.places = places;
    this.direction = direction;
    this.limits = limits;
    this.tracker = tracker;
    this.meter = meter;
    this.listener = listener;
    this.framingBytes =
        direction == Direction.REQUEST
            ? RpcCommand.REQUEST_FRAMING_BYTES
            : RpcCommand.RESPONSE_FRAMING_BYTES;
    head.limit(framingBytes);
  }

  /** Follows what the client sends. */
  public static FrameScanner requests(
      WireLimits limits, ResponseTracker tracker, FrameMeter meter, FrameListener listener) {
    return requests(limits, tracker, meter, listener, null);
  }

  /** Follows what the client sends, and says other places in COMM_INIT if there are any. */
  public static FrameScanner requests(
      WireLimits limits,
      ResponseTracker tracker,
      FrameMeter meter,
      FrameListener listener,
      @Nullable LinkPlaces places) {
    return new FrameScanner(Direction.REQUEST, limits, tracker, meter, listener, places);
  }

  /** Follows what the server sends. */
  public static FrameScanner responses(
      WireLimits limits, ResponseTracker tracker, FrameMeter meter, FrameListener listener) {
    return new FrameScanner(Direction.RESPONSE, limits, tracker, meter, listener, null);
  }

  /**
   * Takes note of the bytes between position and limit, and leaves the buffer as it was, but for
   * the places of links.
   *
   * @throws RpcProtocolException when they are not the protocol; stop passing on, close both sides
   */
  public void feed(ByteBuffer chunk) {
    int at = chunk.position();
    int end = chunk.limit();
    while (at < end) {
      if (head.hasRemaining()) {
        int bytes = Math.min(head.remaining(), end - at);
        head.put(head.position(), chunk, at, bytes);
        head.position(head.position() + bytes);
        if (places != null && command == RpcCommand.COMM_INIT) {
          int from = head.position() - bytes - framingBytes;
          places.put(head, framingBytes, from, chunk, at, bytes);
        }
        at += bytes;
        if (!head.hasRemaining() && command == null) {
          readFraming();
        }
      } else {
        int bytes = (int) Math.min(remaining, end - at);
        remaining -= bytes;
        at += bytes;
      }
      if (!head.hasRemaining() && remaining == 0) {
        endFrame();
      }
    }
  }

  /** Whether the last byte fed was the last of a frame, so that an end here is a clean one. */
  public boolean atFrameBoundary() {
    return head.position() == 0;
  }

  /** Bytes of the frame in hand that have passed so far; for progress within a large tensor. */
  public long bytesOfFrame() {
    return command == null ? head.position() : framingBytes + payloadBytes - missing();
  }

  /**
   * The first descriptor of the request in hand, or of the one that has just ended while its
   * listener runs; empty when it has none or it is not here yet.
   */
  public Optional<RpcTensor> tensor() {
    if (command == null || direction == Direction.RESPONSE || head.hasRemaining()) {
      return Optional.empty();
    }
    int start =
        switch (command) {
          case SET_TENSOR,
              SET_TENSOR_HASH,
              GET_TENSOR,
              COPY_TENSOR,
              INIT_TENSOR,
              MEMSET_TENSOR,
              SET_TENSOR_2D,
              GET_TENSOR_2D ->
              0;
          case GET_ALLOC_SIZE, COMM_ALLREDUCE -> Integer.BYTES;
          default -> -1;
        };
    return start < 0
        ? Optional.empty()
        : Optional.of(RpcTensor.decode(head.duplicate().position(framingBytes + start)));
  }

  /**
   * The first bytes of the payload of the frame that has just ended, for its listener to read: all
   * fixed fields of a request, and an answer unless it is data. Little-endian, valid during the
   * call only.
   */
  public ByteBuffer fields() {
    return head.duplicate().order(ByteOrder.LITTLE_ENDIAN).flip().position(framingBytes);
  }

  /** The data of an answer is never kept, nor more of a request than its fields. */
  private int maxFields(RpcCommand of) {
    boolean data = direction == Direction.RESPONSE && of.variableResponse();
    return data ? 0 : MAX_FIELDS;
  }

  private long missing() {
    return head.remaining() + remaining;
  }

  private void readFraming() {
    if (direction == Direction.REQUEST) {
      RpcCommand known = FrameRules.command(head.get(0) & 0xff, ProtocolEdition.CURRENT, false);
      payloadBytes = head.getLong(1);
      FrameRules.requestLength(known, payloadBytes, limits);
      command = known;
    } else {
      payloadBytes = head.getLong(0);
      command = FrameRules.response(tracker.poll(), payloadBytes).command();
    }
    int fields = (int) Math.min(payloadBytes, maxFields(command));
    head.limit(framingBytes + fields);
    remaining = payloadBytes - fields;
  }

  private void endFrame() {
    RpcCommand ended = command;
    if (ended == null) {
      return;
    }
    long bytes = framingBytes + payloadBytes;
    int device = -1;
    long uid = 0;
    if (direction == Direction.REQUEST) {
      tracker.expect(ended, responseBytes(ended));
      device = startsWithDevice(ended) ? head.getInt(framingBytes) : -1;
      uid = hasUid(ended) ? head.getLong(framingBytes + Integer.BYTES) : 0;
    }
    meter.frame(ended, direction, bytes);
    listener.frame(new ScannedFrame(ended, direction, bytes, device, uid), this);
    command = null;
    head.clear().limit(framingBytes);
  }

  private long responseBytes(RpcCommand ended) {
    return switch (ended) {
      case GET_TENSOR -> requireSize(head.getLong(framingBytes + RpcTensor.BYTES + Long.BYTES));
      case GET_TENSOR_2D -> {
        int sizes = framingBytes + RpcTensor.BYTES + Long.BYTES;
        long piece = requireSize(head.getLong(sizes));
        long pieces = requireSize(head.getLong(sizes + Long.BYTES));
        yield requireSize(saturatedProduct(piece, pieces));
      }
      default -> ended.answered() ? ended.responseBytes() : -1;
    };
  }

  private static long saturatedProduct(long a, long b) {
    long low = a * b;
    return Math.multiplyHigh(a, b) == 0 && low >= 0 ? low : Long.MAX_VALUE;
  }

  private long requireSize(long bytes) {
    FrameRules.responseLimit(bytes, limits);
    return bytes;
  }

  private static boolean hasUid(RpcCommand command) {
    return command == RpcCommand.GRAPH_COMPUTE || command == RpcCommand.GRAPH_RECOMPUTE;
  }

  private static boolean startsWithDevice(RpcCommand command) {
    return switch (command) {
      case ALLOC_BUFFER,
          GET_ALIGNMENT,
          GET_MAX_SIZE,
          GRAPH_COMPUTE,
          GET_DEVICE_MEMORY,
          GET_ALLOC_SIZE,
          GRAPH_RECOMPUTE,
          COMM_INIT,
          COMM_ALLREDUCE,
          COMM_FREE ->
          true;
      default -> false;
    };
  }
}
