// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.rpc.tensor.TensorType.IQ1_M;
import static dev.knarr.rpc.tensor.TensorType.IQ1_S;
import static dev.knarr.rpc.tensor.TensorType.IQ2_S;
import static dev.knarr.rpc.tensor.TensorType.IQ2_XS;
import static dev.knarr.rpc.tensor.TensorType.IQ2_XXS;
import static dev.knarr.rpc.tensor.TensorType.IQ3_S;
import static dev.knarr.rpc.tensor.TensorType.IQ3_XXS;
import static dev.knarr.rpc.tensor.TensorType.Q4_1;
import static dev.knarr.rpc.tensor.TensorType.Q5_1;
import static dev.knarr.rpc.tensor.TensorType.Q8_0;
import static dev.knarr.rpc.tensor.TensorType.Q8_1;
import static dev.knarr.rpc.tensor.TensorType.Q8_K;

import dev.knarr.rpc.tensor.TensorType;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * Which types ggml has which conversion for: the tables {@code type_traits} of {@code ggml.c} and
 * {@code type_traits_cpu} of {@code ggml-cpu.c}. A kernel calls the conversion of a type without
 * asking whether there is one.
 */
final class Types {
  static final Set<TensorType> FLOATS = Collections.unmodifiableSet(EnumSet.of(F32, F16, BF16));
  static final Set<TensorType> INDICES = Collections.unmodifiableSet(EnumSet.of(I32, I64));

  /** Block types that can be turned into F32; Q8_1 and Q8_K are only ever made, never read. */
  static final Set<TensorType> DEQUANTIZABLE = dequantizable();

  /** Block types that F32 can be turned into without an importance matrix. */
  static final Set<TensorType> QUANTIZABLE = quantizable();

  /** What F32 rows can be written as. */
  static final Set<TensorType> WRITABLE = union(FLOATS, QUANTIZABLE);

  /** What can be turned into F32. */
  static final Set<TensorType> READABLE = union(FLOATS, DEQUANTIZABLE);

  private Types() {}

  /** The type in which the CPU wants the other factor of a dot product with this type. */
  static TensorType dotPartner(TensorType type) {
    if (FLOATS.contains(type)) {
      return type;
    }
    if (type == Q4_1 || type == Q5_1) {
      return Q8_1;
    }
    return type.blockElements() == 256 ? Q8_K : Q8_0;
  }

  private static Set<TensorType> dequantizable() {
    EnumSet<TensorType> types = EnumSet.noneOf(TensorType.class);
    Arrays.stream(TensorType.values()).filter(TensorType::quantized).forEach(types::add);
    types.remove(Q8_1);
    types.remove(Q8_K);
    return Collections.unmodifiableSet(types);
  }

  private static Set<TensorType> quantizable() {
    EnumSet<TensorType> types = EnumSet.copyOf(DEQUANTIZABLE);
    types.removeAll(EnumSet.of(IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ1_S, IQ1_M));
    return Collections.unmodifiableSet(types);
  }

  private static Set<TensorType> union(Set<TensorType> a, Set<TensorType> b) {
    EnumSet<TensorType> all = EnumSet.copyOf(a);
    all.addAll(b);
    return Collections.unmodifiableSet(all);
  }
}
