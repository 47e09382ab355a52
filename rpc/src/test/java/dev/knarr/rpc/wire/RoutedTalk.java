// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Both sides of a connection past the greetings of a router, over bytes instead of a socket. */
final class RoutedTalk {
  static final WireLimits LIMITS = WireLimits.defaults();

  private RoutedTalk() {}

  /** A request with its data. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Said(RpcRequest request, byte[] data) {}

  /** A worker to which a router has said {@code stream} behind its HELLO. */
  static RpcServerChannel worker(byte[] stream, WireLimits limits) throws IOException {
    var hello = new RpcRequest.Hello(RouteTerms.router(RouteFeature.all()).capabilities());
    var greeting = ScriptedByteChannel.of();
    try (var router = RpcClientChannel.over(greeting, limits, FrameMeter.NONE)) {
      router.send(hello);
      router.flush();
    }
    var worker =
        RpcServerChannel.over(
            ScriptedByteChannel.of(joined(greeting.written(), stream)),
            limits,
            MessageBudget.unlimited(),
            FrameMeter.NONE);
    worker.readRequest();
    worker.write(accepted());
    worker.speakToRouter();
    return worker;
  }

  /** All that a router has said; throws at what is wrong. */
  static List<Said> read(byte[] stream) throws IOException {
    try (var worker = worker(stream, LIMITS)) {
      List<Said> said = new ArrayList<>();
      for (var request = worker.readRequest(); request != null; request = worker.readRequest()) {
        byte[] data = new byte[(int) worker.dataRemaining()];
        worker.readData(ByteBuffer.wrap(data));
        said.add(new Said(request, data));
      }
      return said;
    }
  }

  /** A request as a router sends it. */
  static byte[] written(RpcRequest request, byte... data) throws IOException {
    var sent = ScriptedByteChannel.of();
    try (var router = RpcClientChannel.over(sent, LIMITS, FrameMeter.NONE)) {
      router.speakToWorker();
      router.send(request);
      router.sendData(ByteBuffer.wrap(data));
      router.flush();
    }
    return sent.written();
  }

  /** A router past its greeting, to which a worker says {@code stream}. */
  static RpcClientChannel router(byte... stream) throws IOException {
    var greeting = ByteBuffer.allocate(36).order(ByteOrder.LITTLE_ENDIAN).putLong(28);
    accepted().encode(greeting);
    var router =
        RpcClientChannel.over(
            ScriptedByteChannel.of(joined(greeting.array(), stream)), LIMITS, FrameMeter.NONE);
    router.hello();
    router.speakToWorker();
    return router;
  }

  private static RpcResponse accepted() {
    return new RpcResponse.HelloAccepted(
        ProtocolEdition.CURRENT.version(), RouteTerms.router(RouteFeature.all()).capabilities());
  }

  static byte[] joined(byte[]... parts) {
    var all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
