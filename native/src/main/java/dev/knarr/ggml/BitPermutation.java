// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;

/**
 * A rearrangement of the bits of a block that may also invert some of them, learned by watching
 * what it does to a few inputs. Immutable; any thread.
 */
final class BitPermutation {
  /** For each bit of the original where it is afterwards. */
  private final int[] places;

  /** For each byte of the original its bits that are inverted afterwards. */
  private final byte[] inverted;

  private BitPermutation(int[] places, byte[] inverted) {
    this.places = places;
    this.inverted = inverted;
  }

  /**
   * Learns what {@code mapping} does to blocks of {@code bytes} bytes, from one input more than the
   * number of a bit has digits; empty if it is no such rearrangement of these.
   *
   * @param mapping from an original, which it leaves alone, to the rearranged bytes
   */
  static Optional<BitPermutation> learn(int bytes, Function<byte[], byte[]> mapping) {
    int bits = 8 * bytes;
    byte[] zero = mapping.apply(new byte[bytes]);
    int[] origins = new int[bits];
    int digits = Integer.SIZE - Integer.numberOfLeadingZeros(bits - 1);
    for (int digit = 0; digit < digits; digit++) {
      byte[] numbered = new byte[bytes];
      for (int bit = 0; bit < bits; bit++) {
        numbered[bit >> 3] |= (byte) ((bit >> digit & 1) << (bit & 7));
      }
      byte[] moved = mapping.apply(numbered);
      for (int bit = 0; bit < bits; bit++) {
        origins[bit] |= ((moved[bit >> 3] ^ zero[bit >> 3]) >> (bit & 7) & 1) << digit;
      }
    }
    int[] places = new int[bits];
    boolean[] taken = new boolean[bits];
    byte[] inverted = new byte[bytes];
    for (int bit = 0; bit < bits; bit++) {
      int origin = origins[bit];
      if (origin >= bits || taken[origin]) {
        return Optional.empty();
      }
      taken[origin] = true;
      places[origin] = bit;
      inverted[origin >> 3] |= (byte) ((zero[bit >> 3] >> (bit & 7) & 1) << (origin & 7));
    }
    return Optional.of(new BitPermutation(places, inverted));
  }

  /**
   * Whether the bits of each piece of this many bytes stay in their piece, all in the same way, so
   * that a piece can be undone by itself.
   */
  Optional<BitPermutation> ofPieces(int bytes) {
    int bits = 8 * bytes;
    for (int bit = 0; bit < places.length; bit++) {
      int piece = bit / bits;
      int first = bit - piece * bits;
      if (places[bit] - piece * bits != places[first]
          || places[first] >= bits
          || inverted[bit >> 3] != inverted[first >> 3]) {
        return Optional.empty();
      }
    }
    return Optional.of(
        new BitPermutation(Arrays.copyOf(places, bits), Arrays.copyOf(inverted, bytes)));
  }

  /** The number of bytes in a block. */
  int bytes() {
    return inverted.length;
  }

  /** Byte number {@code index} of the original of the block at {@code offset}. */
  byte original(MemorySegment rearranged, long offset, int index) {
    int value = inverted[index];
    for (int bit = 0; bit < 8; bit++) {
      int place = places[8 * index + bit];
      int found = rearranged.get(ValueLayout.JAVA_BYTE, offset + (place >> 3)) >> (place & 7) & 1;
      value ^= found << bit;
    }
    return (byte) value;
  }
}
