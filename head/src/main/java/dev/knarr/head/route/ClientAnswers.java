// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.RpcServerChannel;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * What one client is answered. It waits for one answer at a time, so whoever has it may write it:
 * the client's thread, or that of a link to a worker.
 */
final class ClientAnswers {
  private static final int PIECE_BYTES = 256 << 10;

  private final RpcServerChannel channel;

  ClientAnswers(RpcServerChannel channel) {
    this.channel = channel;
  }

  private interface Step {
    void run() throws IOException;
  }

  /** A client that is gone must not be taken for a worker that is. */
  private static void toClient(Step step) throws ClientGoneException {
    try {
      step.run();
    } catch (IOException e) {
      throw new ClientGoneException(e);
    }
  }

  void answer(RpcResponse response) throws ClientGoneException {
    toClient(
        () -> {
          channel.write(response);
          channel.flush();
        });
  }

  /** Answers a read with bytes that are here. */
  void data(ByteBuffer bytes) throws ClientGoneException {
    toClient(
        () -> {
          channel.beginData(bytes.remaining());
          channel.writeData(bytes);
          channel.flush();
        });
  }

  /** Answers a read with the data of an answer that is just coming in. */
  void passOn(RpcClientChannel from) throws IOException {
    toClient(() -> channel.beginData(from.dataRemaining()));
    var piece = ByteBuffer.allocateDirect((int) Math.min(PIECE_BYTES, from.dataRemaining()));
    while (from.dataRemaining() > 0) {
      piece.clear().limit((int) Math.min(piece.capacity(), from.dataRemaining()));
      from.receiveData(piece);
      toClient(() -> channel.writeData(piece.flip()));
    }
    toClient(channel::flush);
  }
}
