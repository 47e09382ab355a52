// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(TreeGgml.class)
class WeightRepackTest {
  private static final int MUL_MAT = 29;
  private static final int COMPUTE = 16;
  private static final int Q4_0 = 2;
  private static final int F32 = 0;

  private final WeightRepack repack = TreeGgml.cpu().weightRepack().orElseThrow();

  @Test
  void everyTypeOfThisGgmlReadsBack() {
    // What ggml 0.27 has for x86 with AVX2; other processors have more.
    assertThat(repack.typeNames()).contains("q4_0", "q4_K", "iq4_nl", "mxfp4");
  }

  @Test
  void gpusHaveNone() {
    assertThat(TreeGgml.gpu().weightRepack()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"2,18,32", "12,144,256", "20,18,32", "39,17,32"})
  void restoresTheOriginalBytes(int type, int blockBytes, int blockElements) {
    long[] ne = {4L * blockElements, 600, 3, 1};
    byte[] original = random(4 * blockBytes * 600 * 3);
    try (var buffer = TreeGgml.cpu().allocate(original.length + 64L)) {
      buffer.write(32, ByteBuffer.wrap(original));
      assertThat(repack.covers(type, ne)).isTrue();
      repack.repack(buffer, 32, type, ne);
      assertThat(bytes(buffer, 32, original.length)).isNotEqualTo(original);
      repack.restore(buffer, 32, type, ne);
      assertThat(bytes(buffer, 32, original.length)).isEqualTo(original);
    }
  }

  @Test
  void rowsThatCannotBeWovenAreLeftAlone() {
    assertThat(repack.covers(Q4_0, new long[] {64, 13, 1, 1})).isFalse();
    assertThat(repack.covers(F32, new long[] {64, 16, 1, 1})).isFalse();
  }

  @Test
  void multipliesLikeThePlainLayout() {
    int columns = 64;
    int rows = 24;
    int batch = 5;
    byte[] weights = random(columns / 32 * 18 * rows);
    for (int block = 0; block < weights.length; block += 18) {
      // A scale of 1/16; any bits would give infinities too.
      weights[block] = 0;
      weights[block + 1] = 0x2c;
    }
    try (var buffer = TreeGgml.cpu().allocate(32768);
        var backend = TreeGgml.cpu().openBackend(1)) {
      var input = ByteBuffer.allocate(4 * columns * batch).order(ByteOrder.LITTLE_ENDIAN);
      var random = new Random(3);
      while (input.hasRemaining()) {
        input.putFloat(random.nextFloat() - 0.5f);
      }
      buffer.write(0, ByteBuffer.wrap(weights));
      buffer.write(8192, input.flip());
      float[] plain = multiply(backend, buffer, columns, rows, batch, false);
      repack.repack(buffer, 0, Q4_0, new long[] {columns, rows, 1, 1});
      float[] woven = multiply(backend, buffer, columns, rows, batch, true);
      for (int i = 0; i < plain.length; i++) {
        assertThat(woven[i]).isCloseTo(plain[i], within(1e-4f * (1 + Math.abs(plain[i]))));
      }
    }
  }

  private float[] multiply(
      GgmlBackend backend, GgmlBuffer buffer, int columns, int rows, int batch, boolean woven) {
    long rowBytes = columns / 32 * 18L;
    int[] none = new int[10];
    Arrays.fill(none, -1);
    int[] operands = none.clone();
    operands[0] = 0;
    operands[1] = 1;
    try (var builder = GgmlGraph.builder(3, 1)) {
      builder.tensor(
          0,
          Q4_0,
          new long[] {columns, rows, 1, 1},
          new long[] {18, rowBytes, rowBytes * rows, rowBytes * rows},
          0,
          new int[16],
          0,
          none,
          -1,
          0,
          buffer,
          0,
          1,
          "weights");
      plain(builder, 1, columns, batch, 0, none, 0, buffer, 8192);
      plain(builder, 2, rows, batch, MUL_MAT, operands, COMPUTE, buffer, 16384);
      if (woven) {
        builder.repacked(0, repack);
      }
      assertThat(builder.supported(TreeGgml.cpu(), 2)).isTrue();
      try (var graph = builder.node(2).build()) {
        backend.compute(graph);
      }
    }
    float[] result = new float[rows * batch];
    ByteBuffer.wrap(bytes(buffer, 16384, 4 * result.length))
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(result);
    return result;
  }

  private static void plain(
      GgmlGraph.Builder builder,
      int index,
      long ne0,
      long ne1,
      int op,
      int[] operands,
      int flags,
      GgmlBuffer buffer,
      long offset) {
    builder.tensor(
        index,
        F32,
        new long[] {ne0, ne1, 1, 1},
        new long[] {4, 4 * ne0, 4 * ne0 * ne1, 4 * ne0 * ne1},
        op,
        new int[16],
        flags,
        operands,
        -1,
        0,
        buffer,
        offset,
        op == 0 ? 1 : 0,
        "t" + index);
  }

  private static byte[] random(int count) {
    byte[] bytes = new byte[count];
    new Random(2).nextBytes(bytes);
    return bytes;
  }

  private static byte[] bytes(GgmlBuffer buffer, long offset, int count) {
    byte[] bytes = new byte[count];
    buffer.read(offset, ByteBuffer.wrap(bytes));
    return bytes;
  }
}
