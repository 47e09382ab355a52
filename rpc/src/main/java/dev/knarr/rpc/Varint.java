// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.nio.ByteBuffer;

/**
 * Numbers of the router protocol: unsigned, seven bits to a byte, the lowest first, the top bit set
 * in all bytes but the last (unsigned LEB128). Signed ones are folded first, so that small ones
 * stay small whatever their sign.
 */
public final class Varint {
  /** The most bytes of one number. */
  public static final int MAX_BYTES = 10;

  private Varint() {}

  /** Puts a number, which is taken for unsigned. */
  public static void put(ByteBuffer out, long value) {
    long left = value;
    while ((left & ~0x7fL) != 0) {
      out.put((byte) (left | 0x80));
      left >>>= 7;
    }
    out.put((byte) left);
  }

  /** Puts a signed number. */
  public static void putSigned(ByteBuffer out, long value) {
    put(out, value << 1 ^ value >> 63);
  }

  /** How many bytes {@link #put} takes for a number. */
  public static int bytes(long value) {
    return Math.max(1, (64 - Long.numberOfLeadingZeros(value) + 6) / 7);
  }

  /**
   * Takes an unsigned number.
   *
   * @throws RpcProtocolException BAD_FIELD when it ends too early, or has more than 64 bits
   */
  public static long get(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (!in.hasRemaining()) {
        throw new RpcProtocolException(ProtocolFault.BAD_FIELD, "A number ends with its message");
      }
      byte part = in.get();
      if (shift == 63 && (part & 0xfe) != 0) {
        break;
      }
      value |= (part & 0x7fL) << shift;
      if (part >= 0) {
        return value;
      }
    }
    throw new RpcProtocolException(ProtocolFault.BAD_FIELD, "A number has more than 64 bits");
  }

  /** Takes what {@link #putSigned} has put. */
  public static long getSigned(ByteBuffer in) {
    long folded = get(in);
    return folded >>> 1 ^ -(folded & 1);
  }

  /**
   * Takes a number of at most {@code most}.
   *
   * @throws RpcProtocolException OUT_OF_RANGE when it is larger
   */
  public static long get(ByteBuffer in, String what, long most) {
    long value = get(in);
    if (Long.compareUnsigned(value, most) > 0) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "%s is %s, and at most %d".formatted(what, Long.toUnsignedString(value), most));
    }
    return value;
  }

  static int getInt(ByteBuffer in, String what) {
    return (int) get(in, what, Integer.MAX_VALUE);
  }

  static long getSize(ByteBuffer in, String what) {
    return get(in, what, Long.MAX_VALUE);
  }
}
