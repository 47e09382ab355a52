// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.nio.ByteBuffer;

/**
 * Type, shape and operation of one tensor, without data: what a device is asked about. Immutable.
 *
 * <p>Nothing is checked here; as everywhere in this package the caller has.
 */
public final class TensorDescription {
  private final int type;
  private final long[] ne;
  private final long[] nb;
  private final int op;
  private final int[] opParams;

  private TensorDescription(int type, long[] ne, long[] nb, int op, int[] opParams) {
    this.type = type;
    this.ne = ne;
    this.nb = nb;
    this.op = op;
    this.opParams = opParams;
  }

  /**
   * Describes a tensor.
   *
   * @param type ggml's type code
   * @param ne four numbers of elements, {@code ne[0]} the row length
   * @param nb four strides in bytes
   * @param op ggml's operation code, 0 for plain data
   * @param opParams sixteen parameters of the operation
   */
  public static TensorDescription of(int type, long[] ne, long[] nb, int op, int[] opParams) {
    Lengths.check("ne", ne.length, TensorLayout.DIMENSIONS);
    Lengths.check("nb", nb.length, TensorLayout.DIMENSIONS);
    Lengths.check("opParams", opParams.length, TensorLayout.OP_PARAM_INTS);
    return new TensorDescription(type, ne.clone(), nb.clone(), op, opParams.clone());
  }

  void put(ByteBuffer tensors, int at) {
    TensorLayout.putShape(tensors, at, type, ne, nb);
    TensorLayout.putOperation(tensors, at, op, opParams);
  }
}
