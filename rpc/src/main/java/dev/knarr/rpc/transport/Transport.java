// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;

/**
 * Makes of a connected, blocking socket what messages are exchanged over. The channel ends with its
 * socket, and a blocked read or write of it when either is closed. Any thread.
 */
public interface Transport {
  /** The socket itself. */
  Transport PLAIN =
      new Transport() {
        @Override
        public ByteChannel accepted(SocketChannel socket) {
          return socket;
        }

        @Override
        public ByteChannel connected(SocketChannel socket, String host, int port) {
          return socket;
        }
      };

  /**
   * The server's side.
   *
   * @throws TlsException when the peer cannot be trusted or does not speak TLS
   */
  ByteChannel accepted(SocketChannel socket) throws IOException;

  /**
   * The client's side.
   *
   * @param host the server's name or address as it was given to us, which its certificate must bear
   * @param port the server's port
   * @throws TlsException when the server cannot be trusted or does not speak TLS
   */
  ByteChannel connected(SocketChannel socket, String host, int port) throws IOException;

  /** Says on a channel made by a transport that nothing more will be written; reading goes on. */
  static void shutdownOutput(ByteChannel channel) throws IOException {
    switch (channel) {
      case SocketChannel socket -> socket.shutdownOutput();
      case TlsChannel tls -> tls.shutdownOutput();
      default -> throw new IllegalArgumentException("No channel of a transport: " + channel);
    }
  }
}
