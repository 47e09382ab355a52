// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest.CommInit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Where the two workers of a tensor split meet, for a relay to put into COMM_INIT: its client knows
 * the relays' addresses only, by which the workers cannot reach each other. Immutable.
 */
public final class LinkPlaces {
  /** Device, rank and number of ranks stay as the client says. */
  private static final int KEPT_BYTES = 3 * Integer.BYTES;

  private static final int RANK_AT = Integer.BYTES;

  private final byte[] listening;
  private final byte[] connecting;

  /**
   * The places of one worker's relay.
   *
   * @param ownPort where this worker listens when it is rank 0
   * @param otherHost the other worker's address, at most 63 bytes
   * @param otherPort where that one listens when this worker is rank 1
   */
  public LinkPlaces(int ownPort, String otherHost, int otherPort) {
    this.listening = payload(0, ownPort, "");
    this.connecting = payload(1, otherPort, otherHost);
  }

  private static byte[] payload(int rank, int port, String host) {
    byte[] bytes = new byte[(int) RpcCommand.COMM_INIT.requestBytes()];
    new CommInit(0, rank, 2, port, host)
        .encode(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    return bytes;
  }

  /**
   * Puts the place into a piece of a payload, which comes in whatever pieces.
   *
   * @param seen the payload so far, this piece included
   * @param seenAt where the payload begins in it
   * @param from which byte of the payload the piece begins with
   * @param chunk holds the piece
   * @param at where
   * @param bytes of the piece
   */
  void put(ByteBuffer seen, int seenAt, int from, ByteBuffer chunk, int at, int bytes) {
    for (int i = Math.max(from, KEPT_BYTES); i < from + bytes; i++) {
      // The rank comes first, so it has been seen when the first byte of a place comes.
      byte[] place = seen.getInt(seenAt + RANK_AT) == 0 ? listening : connecting;
      chunk.put(at + i - from, place[i]);
    }
  }
}
