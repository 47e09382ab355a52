// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

/**
 * Extent and strides of a tensor in up to four dimensions. {@code ne[0]} is the row length in
 * elements and the fastest; unused dimensions are 1. {@code nb[i]} is the distance in bytes of two
 * neighbours in dimension i. All are unsigned 32-bit numbers on the wire, so a stride of 4 GiB and
 * more cannot be said.
 */
public record TensorShape(
    long ne0, long ne1, long ne2, long ne3, long nb0, long nb1, long nb2, long nb3) {
  private static final long MAX = 0xffff_ffffL;

  public TensorShape {
    if (((ne0 | ne1 | ne2 | ne3 | nb0 | nb1 | nb2 | nb3) & ~MAX) != 0) {
      throw new IllegalArgumentException(
          "Extents and strides must be 0 to 4294967295, the wire has 32 bits for each: ne %d,%d,%d,%d nb %d,%d,%d,%d"
              .formatted(ne0, ne1, ne2, ne3, nb0, nb1, nb2, nb3));
    }
  }

  /** The shape of a tensor without gaps. */
  public static TensorShape contiguous(TensorType type, long ne0, long ne1, long ne2, long ne3) {
    long nb1 = type.rowBytes(ne0);
    long nb2 = Math.multiplyExact(nb1, ne1);
    return new TensorShape(
        ne0, ne1, ne2, ne3, type.blockBytes(), nb1, nb2, Math.multiplyExact(nb2, ne2));
  }

  /** Elements in dimension 0 to 3. */
  public long ne(int dimension) {
    return switch (dimension) {
      case 0 -> ne0;
      case 1 -> ne1;
      case 2 -> ne2;
      case 3 -> ne3;
      default -> throw new IndexOutOfBoundsException(dimension);
    };
  }

  /** Bytes from one element to the next in dimension 0 to 3. */
  public long nb(int dimension) {
    return switch (dimension) {
      case 0 -> nb0;
      case 1 -> nb1;
      case 2 -> nb2;
      case 3 -> nb3;
      default -> throw new IndexOutOfBoundsException(dimension);
    };
  }

  /** Whether a dimension has no elements, so that there is nothing to store or compute. */
  public boolean empty() {
    return ne0 == 0 || ne1 == 0 || ne2 == 0 || ne3 == 0;
  }
}
