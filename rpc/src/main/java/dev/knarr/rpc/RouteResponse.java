// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.nio.ByteBuffer;

/** What our worker says to a router beside the public answers ({@code docs/router-protocol.md}). */
public sealed interface RouteResponse extends RpcResponse {
  @Override
  default long payloadBytes() {
    ByteBuffer payload = ByteBuffer.allocate(RouteRequest.MAX_HEAD_BYTES);
    encode(payload);
    return payload.position();
  }

  /** Whether the link to the other worker stands. */
  record Linked(boolean ok) implements RouteResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.ROUTE_LINK;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (ok ? 1 : 0));
    }
  }

  /** Whether weights that were offered are where they are wanted now. */
  record Offered(boolean known) implements RouteResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.ROUTE_OFFER;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (known ? 1 : 0));
    }
  }

  /** Whether a buffer is one that was parked. */
  record Adopted(boolean adopted) implements RouteResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.ROUTE_ADOPTED;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (adopted ? 1 : 0));
    }
  }

  /**
   * What the worker keeps for this router, before anything else is said.
   *
   * @param slotBytes for all slots together
   * @param graphBytes for the contents of all graphs together
   */
  record Welcome(long slotBytes, long graphBytes) implements RouteResponse {
    static Welcome decode(ByteBuffer in) {
      var welcome =
          new Welcome(
              Varint.getSize(in, "bytes for slots"), Varint.getSize(in, "bytes for graphs"));
      if (in.hasRemaining()) {
        throw new RpcProtocolException(
            ProtocolFault.FRAME_SIZE,
            "ROUTE_WELCOME has %d bytes too many".formatted(in.remaining()));
      }
      return welcome;
    }

    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.ROUTE_WELCOME;
    }

    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, slotBytes);
      Varint.put(out, graphBytes);
    }
  }

  /** Whether a graph's name can be used from now on, or only by the next command. */
  record GraphKept(boolean kept) implements RouteResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.ROUTE_GRAPH;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (kept ? 1 : 0));
    }
  }
}
