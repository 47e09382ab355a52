// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.BAD_TENSOR_TYPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorType;
import java.util.Arrays;
import java.util.Set;

/**
 * The result or an operand of an {@link Operation}, and the vocabulary in which rules speak about
 * it: each method refuses a tensor that is not what its name says, and returns the operand.
 *
 * <p>What no kernel stands is refused when it is made: a type that does not exist, extents and row
 * counts beyond 31 bits (kernels keep them in an {@code int}), rows that are not whole blocks,
 * addresses and strides off the element size (GPU kernels fault on them), a size that overflows,
 * and tensors whose elements share memory so often that computing would never end.
 */
final class Operand {
  /**
   * How many times an operand may use the same memory, as sliding windows do; with strides of 0 a
   * few bytes could stand for 2^120 elements. Graphs of llama.cpp and test-backend-ops have 1.
   */
  private static final long MAX_REUSE = 1024;

  private final Operation op;
  private final RpcTensor tensor;
  private final int index;
  private final TensorType type;
  private final long[] ne = new long[4];
  private final long[] nb = new long[4];
  private final long byteSize;

  /**
   * @param index number of the operand, -1 for the result
   */
  Operand(Operation op, RpcTensor tensor, int index) {
    this.op = op;
    this.tensor = tensor;
    this.index = index;
    this.type = knownType();
    for (int i = 0; i < 4; i++) {
      ne[i] = tensor.ne(i);
      nb[i] = tensor.nb(i);
    }
    this.byteSize = sizeOrThrow();
    requireCountableExtents();
    requireWholeBlocks();
    requireElementStrides();
    requireBoundedReuse();
  }

  private TensorType knownType() {
    return TensorType.ofCode(tensor.type())
        .orElseThrow(
            () ->
                op.refuse(
                    BAD_TENSOR_TYPE,
                    "%s has type %s, which does not exist"
                        .formatted(this, Integer.toUnsignedString(tensor.type()))));
  }

  private long sizeOrThrow() {
    try {
      return tensor.byteSize();
    } catch (RpcProtocolException e) {
      throw e.at("%s of %s".formatted(this, op.op()));
    }
  }

  private void requireCountableExtents() {
    for (int i = 0; i < 4; i++) {
      ne(i).atMost(Integer.MAX_VALUE, "kernels count in 31 bits");
    }
    long rows = op.product(ne[1], ne[2], ne[3]);
    if (rows > Integer.MAX_VALUE) {
      throw op.refuse(BAD_SHAPE, "%s has %d rows; kernels count in 31 bits".formatted(this, rows));
    }
    elements();
  }

  private void requireWholeBlocks() {
    if (type.blockElements() == 1) {
      return;
    }
    if (ne[0] % type.blockElements() != 0) {
      throw op.refuse(
          BAD_SHAPE,
          "%s is %d, no multiple of the %d elements in a block of %s"
              .formatted(ne(0), ne[0], type.blockElements(), type.label()));
    }
    packed();
  }

  private void requireElementStrides() {
    int size = type.blockBytes();
    for (int i = 0; i < 4; i++) {
      if (ne[i] > 1 && nb[i] % size != 0) {
        throw op.refuse(
            BAD_SHAPE,
            "%s is %d, no multiple of the %d bytes of %s"
                .formatted(nb(i), nb[i], size, type.label()));
      }
    }
    if (type.blockElements() == 1 && Long.remainderUnsigned(tensor.data(), size) != 0) {
      throw op.refuse(
          OUT_OF_RANGE,
          "the address %s of %s is no multiple of the %d bytes of %s"
              .formatted(Long.toUnsignedString(tensor.data()), this, size, type.label()));
    }
  }

  private void requireBoundedReuse() {
    long allowed = index < 0 ? byteSize : op.product(byteSize, MAX_REUSE);
    if (packedBytes() > allowed) {
      throw op.refuse(
          BAD_SHAPE,
          "%s stands for %d bytes of elements in %d bytes of memory, strides [%d,%d,%d,%d]"
              .formatted(this, packedBytes(), byteSize, nb[0], nb[1], nb[2], nb[3]));
    }
  }

  // Figures

  RpcTensor tensor() {
    return tensor;
  }

  TensorType type() {
    return type;
  }

  Figure ne(int dimension) {
    return new Figure(op, this, "ne[" + dimension + "]", ne[dimension]);
  }

  Figure nb(int dimension) {
    return new Figure(op, this, "nb[" + dimension + "]", nb[dimension]);
  }

  /** The extent as a number. */
  long len(int dimension) {
    return ne[dimension];
  }

  /** The stride as a number. */
  long step(int dimension) {
    return nb[dimension];
  }

  boolean empty() {
    return byteSize == 0;
  }

  long rows() {
    return ne[1] * ne[2] * ne[3];
  }

  long elements() {
    return op.product(ne[0], ne[1], ne[2], ne[3]);
  }

  long byteSize() {
    return byteSize;
  }

  /** Bytes of its elements side by side. */
  long packedBytes() {
    return op.product(ne[0] / type.blockElements(), type.blockBytes(), ne[1], ne[2], ne[3]);
  }

  // Requirements on types

  Operand type(TensorType only) {
    return type(Set.of(only));
  }

  Operand type(Set<TensorType> allowed) {
    if (!allowed.contains(type)) {
      throw op.refuse(
          UNSUPPORTED_OP, "type %s of %s is not one of %s".formatted(type.label(), this, allowed));
    }
    return this;
  }

  Operand typeOf(Operand other) {
    if (type != other.type) {
      throw op.refuse(
          UNSUPPORTED_OP,
          "%s is %s but %s is %s".formatted(this, type.label(), other, other.type.label()));
    }
    return this;
  }

  // Requirements on shapes

  Operand shapeOf(Operand other) {
    for (int i = 0; i < 4; i++) {
      ne(i).is(other.ne(i));
    }
    return this;
  }

  /** Fits a whole number of times into the other, in every dimension. */
  Operand repeatsInto(Operand other) {
    for (int i = 0; i < 4; i++) {
      other.ne(i).multipleOf(ne(i));
    }
    return this;
  }

  /** At most the given number of dimensions. */
  Operand dimensions(int most) {
    for (int i = most; i < 4; i++) {
      ne(i).is(1, "only " + most + " dimensions are used");
    }
    return this;
  }

  Operand notEmpty() {
    if (empty()) {
      throw op.refuse(BAD_SHAPE, "%s has no elements: %s".formatted(this, Arrays.toString(ne)));
    }
    return this;
  }

  // Requirements on strides

  /** Elements of a row lie side by side, said by {@code nb[0]} even where a row has one. */
  Operand packed() {
    nb(0).is(type.blockBytes(), "the size of " + type.label());
    return this;
  }

  /** Elements of a row lie side by side; with one block there is nothing to say. */
  Operand packedRows() {
    return ne[0] == type.blockElements() ? this : packed();
  }

  /** {@code ggml_is_contiguous}: no gaps; strides of dimensions with one element do not matter. */
  Operand contiguous() {
    return contiguousAbove(0);
  }

  /** {@code ggml_is_contiguous_1}: whole rows at equal distances. */
  Operand evenRows() {
    return contiguousAbove(1);
  }

  boolean isContiguous() {
    return gapAbove(0) < 0;
  }

  private Operand contiguousAbove(int free) {
    int gap = gapAbove(free);
    if (gap >= 0) {
      throw op.refuse(
          BAD_SHAPE,
          "%s has a gap before dimension %d: ne [%d,%d,%d,%d], nb [%d,%d,%d,%d]"
              .formatted(this, gap, ne[0], ne[1], ne[2], ne[3], nb[0], nb[1], nb[2], nb[3]));
    }
    return this;
  }

  /** The first dimension whose stride is not what lies below it, or -1. */
  private int gapAbove(int free) {
    if (ne[0] != type.blockElements() && nb[0] != type.blockBytes()) {
      return 0;
    }
    long next = ne[0] / type.blockElements() * type.blockBytes();
    for (int i = 1; i < 4; i++) {
      if (i <= free) {
        next = ne[i] * nb[i];
      } else {
        if (ne[i] != 1 && nb[i] != next) {
          return i;
        }
        next *= ne[i];
      }
    }
    return -1;
  }

  /** What a kernel reaches that goes from row to row by {@code nb[1]} alone. */
  Operand flatRows() {
    return flatRows(nb[1]);
  }

  /** As {@link #flatRows()}, with the distance of another tensor's rows. */
  Operand flatRows(long rowStep) {
    if (!empty()) {
      reaches(op.product(rows() - 1, rowStep) + rowBytes(), "rows " + rowStep + " bytes apart");
    }
    return this;
  }

  /**
   * What a kernel reaches that takes rows as packed without asking, as SUM of a permuted tensor.
   */
  Operand rowsInside() {
    if (!empty()) {
      long last = (ne[1] - 1) * nb[1] + (ne[2] - 1) * nb[2] + (ne[3] - 1) * nb[3];
      reaches(last + rowBytes(), "rows side by side");
    }
    return this;
  }

  /** What a kernel reaches that takes the elements as one run. */
  Operand flat() {
    return reaches(packedBytes(), "elements side by side");
  }

  /** The tensor has memory for this many bytes from its first element on. */
  Operand reaches(long bytes, String how) {
    if (bytes > byteSize) {
      throw op.refuse(
          OUT_OF_RANGE,
          "%s would be used up to byte %d (%s) but has %d".formatted(this, bytes, how, byteSize));
    }
    return this;
  }

  /** Shares no byte with the other. */
  Operand apartFrom(Operand other) {
    if (tensor.buffer() != 0
        && tensor.buffer() == other.tensor.buffer()
        && Long.compareUnsigned(tensor.data(), other.tensor.data() + other.byteSize) < 0
        && Long.compareUnsigned(other.tensor.data(), tensor.data() + byteSize) < 0) {
      throw op.refuse(OUT_OF_RANGE, "%s lies over %s".formatted(this, other));
    }
    return this;
  }

  /**
   * {@code nb[0] <= nb[1] <= nb[2] <= nb[3]}, which some kernels assert. No kernel sees what is
   * empty, such as the results of a part of a prompt that has no outputs.
   */
  Operand ascending() {
    if (!empty()) {
      for (int i = 1; i < 4; i++) {
        nb(i).atLeast(nb(i - 1));
      }
    }
    return this;
  }

  long rowBytes() {
    return ne[0] / type.blockElements() * type.blockBytes();
  }

  @Override
  public String toString() {
    return index < 0 ? "the result" : "operand " + index;
  }
}
