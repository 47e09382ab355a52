// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** A client that sends anything. What is understood must encode to the bytes it came from. */
class RequestFuzzTest {
  private static final WireLimits LIMITS = new WireLimits(1 << 20, 1 << 16, 64, 64, 16);
  private static final byte[] HELLO = hello();

  @FuzzTest(maxDuration = "12s")
  void aStreamOfRequestsIsUnderstoodOrRefusedByAType(byte[] stream) throws IOException {
    byte[] bytes = ByteBuffer.allocate(HELLO.length + stream.length).put(HELLO).put(stream).array();
    List<Long> read = new ArrayList<>();
    ByteArrayOutputStream understood = new ByteArrayOutputStream();
    try (RpcServerChannel server =
        RpcServerChannel.over(
            ScriptedByteChannel.of(bytes),
            LIMITS,
            MessageBudget.unlimited(),
            (_, _, size) -> read.add(size))) {
      RpcRequest request = server.readRequest();
      while (request != null) {
        byte[] data = new byte[(int) server.dataRemaining()];
        server.readData(ByteBuffer.wrap(data));
        understood.writeBytes(encode(request, data));
        request = server.readRequest();
      }
    } catch (RpcProtocolException e) {
      assertThat(e.fault()).isNotNull();
    }
    requireSameMeaning(understood.toByteArray(), bytes);
    requireScannerAgrees(bytes, read);
  }

  /**
   * Padding, flags other than 0 and 1 and text behind a NUL are not kept; a second pass is stable.
   */
  private static void requireSameMeaning(byte[] understood, byte[] original) throws IOException {
    assertThat(understood.length).isLessThanOrEqualTo(original.length);
    try (RpcServerChannel again =
        RpcServerChannel.over(
            ScriptedByteChannel.of(understood),
            LIMITS,
            MessageBudget.unlimited(),
            FrameMeter.NONE)) {
      ByteArrayOutputStream repeated = new ByteArrayOutputStream();
      try {
        RpcRequest request = again.readRequest();
        while (request != null) {
          byte[] data = new byte[(int) again.dataRemaining()];
          again.readData(ByteBuffer.wrap(data));
          repeated.writeBytes(encode(request, data));
          request = again.readRequest();
        }
      } catch (RpcProtocolException e) {
        throw new AssertionError("What was encoded is refused", e);
      }
      assertThat(repeated.toByteArray()).isEqualTo(understood);
    }
  }

  /** A relay must see at least the frames that the server took. */
  private static void requireScannerAgrees(byte[] bytes, List<Long> read) {
    List<Long> scanned = new ArrayList<>();
    FrameScanner scanner =
        FrameScanner.requests(
            LIMITS,
            new ResponseTracker(LIMITS),
            (_, _, size) -> scanned.add(size),
            FrameListener.NONE);
    try {
      for (int at = 0; at < bytes.length; at += 7) {
        scanner.feed(ByteBuffer.wrap(bytes, at, Math.min(7, bytes.length - at)));
      }
    } catch (RpcProtocolException e) {
      assertThat(e.fault()).isNotNull();
    }
    // The server meters a frame at its head, the scanner at its end.
    int whole = Math.min(read.size(), scanned.size());
    assertThat(scanned.subList(0, whole)).isEqualTo(read.subList(0, whole));
    assertThat(scanned.size()).isGreaterThanOrEqualTo(read.size() - 1);
  }

  private static byte[] encode(RpcRequest request, byte[] data) throws IOException {
    ScriptedByteChannel channel = ScriptedByteChannel.of();
    try (RpcClientChannel client = RpcClientChannel.over(channel, LIMITS, FrameMeter.NONE)) {
      client.send(request);
      client.sendData(ByteBuffer.wrap(data));
      client.flush();
    }
    return channel.written();
  }

  private static byte[] hello() {
    byte[] hello = new byte[33];
    hello[0] = 14;
    hello[1] = 24;
    return hello;
  }
}
