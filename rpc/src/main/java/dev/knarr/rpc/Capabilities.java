// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.nio.ByteBuffer;

/**
 * The 24 bytes of connection capabilities in both directions of HELLO, as three little-endian
 * words. Bytes 0 to 3 are a queue pair number for RDMA; 0 means TCP only, and unmodified peers then
 * look at nothing else.
 */
public record Capabilities(long word0, long word1, long word2) {
  /** Bytes on the wire. */
  public static final int BYTES = 24;

  /** What a TCP-only program sends. */
  public static final Capabilities NONE = new Capabilities(0, 0, 0);

  static Capabilities decode(ByteBuffer in) {
    return new Capabilities(in.getLong(), in.getLong(), in.getLong());
  }

  void encode(ByteBuffer out) {
    out.putLong(word0).putLong(word1).putLong(word2);
  }

  /** Whether the peer stays on TCP. */
  public boolean tcpOnly() {
    return (int) word0 == 0;
  }
}
