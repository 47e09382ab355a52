// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.util.Locale;
import java.util.Optional;

/**
 * The tensor types a GGUF file may hold and their sizes, as ggml 0.27.0 has them. A row of {@code
 * n} elements (a multiple of {@link #blockElements}) takes {@code n / blockElements * blockBytes}
 * bytes. Immutable.
 */
public enum GgmlType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q8_1(9, 32, 36),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  Q8_K(15, 256, 292),
  IQ2_XXS(16, 256, 66),
  IQ2_XS(17, 256, 74),
  IQ3_XXS(18, 256, 98),
  IQ1_S(19, 256, 50),
  IQ4_NL(20, 32, 18),
  IQ3_S(21, 256, 110),
  IQ2_S(22, 256, 82),
  IQ4_XS(23, 256, 136),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  IQ1_M(29, 256, 56),
  BF16(30, 1, 2),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  MXFP4(39, 32, 17),
  NVFP4(40, 64, 36),
  Q1_0(41, 128, 18),
  Q2_0(42, 64, 18);

  private final int code;
  private final int blockElements;
  private final int blockBytes;

  GgmlType(int code, int blockElements, int blockBytes) {
    this.code = code;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** The number of this type in the file. */
  public int code() {
    return code;
  }

  /** Elements of one block. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of one block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** The name as llama.cpp's options spell it: {@code q8_0}, {@code f16}. */
  public String optionName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Bytes of a row of {@code elements}; a row that does not fill its last block is counted with a
   * whole one.
   *
   * @throws ArithmeticException when the size is no {@code long}
   */
  public long rowBytes(long elements) {
    return Math.multiplyExact(Math.ceilDiv(elements, (long) blockElements), (long) blockBytes);
  }

  /** The type of this code; empty for unknown codes and for types ggml has removed. */
  public static Optional<GgmlType> ofCode(int code) {
    for (var type : values()) {
      if (type.code == code) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }

  /** The type of this name, in upper or lower case. */
  public static Optional<GgmlType> ofName(String name) {
    for (var type : values()) {
      if (type.name().equalsIgnoreCase(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
