// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.util.Optional;

/**
 * The element types of protocol 8.0, from ggml 0.27. Elements are stored in blocks; codes that are
 * missing here were removed from ggml or never existed, and must be refused. Immutable; any thread.
 */
public enum TensorType {
  F32(0, "f32", 1, 4, false),
  F16(1, "f16", 1, 2, false),
  Q4_0(2, "q4_0", 32, 18, true),
  Q4_1(3, "q4_1", 32, 20, true),
  Q5_0(6, "q5_0", 32, 22, true),
  Q5_1(7, "q5_1", 32, 24, true),
  Q8_0(8, "q8_0", 32, 34, true),
  Q8_1(9, "q8_1", 32, 36, true),
  Q2_K(10, "q2_K", 256, 84, true),
  Q3_K(11, "q3_K", 256, 110, true),
  Q4_K(12, "q4_K", 256, 144, true),
  Q5_K(13, "q5_K", 256, 176, true),
  Q6_K(14, "q6_K", 256, 210, true),
  Q8_K(15, "q8_K", 256, 292, true),
  IQ2_XXS(16, "iq2_xxs", 256, 66, true),
  IQ2_XS(17, "iq2_xs", 256, 74, true),
  IQ3_XXS(18, "iq3_xxs", 256, 98, true),
  IQ1_S(19, "iq1_s", 256, 50, true),
  IQ4_NL(20, "iq4_nl", 32, 18, true),
  IQ3_S(21, "iq3_s", 256, 110, true),
  IQ2_S(22, "iq2_s", 256, 82, true),
  IQ4_XS(23, "iq4_xs", 256, 136, true),
  I8(24, "i8", 1, 1, false),
  I16(25, "i16", 1, 2, false),
  I32(26, "i32", 1, 4, false),
  I64(27, "i64", 1, 8, false),
  F64(28, "f64", 1, 8, false),
  IQ1_M(29, "iq1_m", 256, 56, true),
  BF16(30, "bf16", 1, 2, false),
  TQ1_0(34, "tq1_0", 256, 54, true),
  TQ2_0(35, "tq2_0", 256, 66, true),
  MXFP4(39, "mxfp4", 32, 17, true),
  NVFP4(40, "nvfp4", 64, 36, true),
  Q1_0(41, "q1_0", 128, 18, true),
  Q2_0(42, "q2_0", 64, 18, true);

  private static final TensorType[] BY_CODE = byCode();

  private final int code;
  private final String label;
  private final int blockElements;
  private final int blockBytes;
  private final boolean quantized;

  TensorType(int code, String label, int blockElements, int blockBytes, boolean quantized) {
    this.code = code;
    this.label = label;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.quantized = quantized;
  }

  private static TensorType[] byCode() {
    TensorType[] table = new TensorType[64];
    for (TensorType type : values()) {
      table[type.code] = type;
    }
    return table;
  }

  /** The type with this number, or empty when it was removed or does not exist. */
  public static Optional<TensorType> ofCode(int code) {
    return code >= 0 && code < BY_CODE.length
        ? Optional.ofNullable(BY_CODE[code])
        : Optional.empty();
  }

  /** The number on the wire. */
  public int code() {
    return code;
  }

  /** ggml's own spelling, for instance {@code q4_K}. */
  public String label() {
    return label;
  }

  /** Elements in one block; 1 for plain numbers. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of one block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether the rule for rows that are no multiple of 512 elements applies. */
  public boolean quantized() {
    return quantized;
  }

  /**
   * Bytes of a contiguous row.
   *
   * @param ne0 elements, a multiple of {@link #blockElements} and not negative
   * @throws IllegalArgumentException when it is not
   * @throws ArithmeticException when the result leaves 63 bits
   */
  public long rowBytes(long ne0) {
    if (ne0 < 0 || ne0 % blockElements != 0) {
      throw new IllegalArgumentException(
          "A row of %s must have a multiple of %d elements, not %d"
              .formatted(label, blockElements, ne0));
    }
    return Math.multiplyExact(ne0 / blockElements, (long) blockBytes);
  }
}
