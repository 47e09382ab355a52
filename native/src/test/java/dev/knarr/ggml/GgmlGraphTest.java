// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith(TreeGgml.class)
class GgmlGraphTest {
  private static final int ADD = 2;
  private static final int CPY = 34;
  private static final int MUL = 7;
  private static final int RMS_NORM = 25;
  private static final int MUL_MAT = 29;
  private static final int VIEW = 37;
  private static final int SCALE = 32;
  private static final int COMPUTE = 16;
  private static final int PARAM = 4;

  /** Offsets in the buffer: a device may want tensors 64 bytes apart and more. */
  private static final int STEP = 256;

  private static final float[] A = {1, 2, 3, 4, 5, 6, 7, 8};
  private static final float[] B = {1, 0, 2, 0};

  static void put(GgmlBuffer buffer, int slot, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    buffer.write((long) slot * STEP, bytes.flip());
  }

  static float[] floats(GgmlBuffer buffer, int slot, int count) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    buffer.read((long) slot * STEP, bytes);
    float[] values = new float[count];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  static void tensor(
      GgmlGraph.Builder builder,
      int index,
      long ne0,
      long ne1,
      int op,
      int flags,
      GgmlBuffer buffer,
      int useCount,
      int... operands) {
    tensor(builder, index, ne0, ne1, op, new int[16], flags, buffer, useCount, operands);
  }

  static void tensor(
      GgmlGraph.Builder builder,
      int index,
      long ne0,
      long ne1,
      int op,
      int[] params,
      int flags,
      GgmlBuffer buffer,
      int useCount,
      int... operands) {
    int[] sources = new int[10];
    Arrays.fill(sources, -1);
    System.arraycopy(operands, 0, sources, 0, operands.length);
    long[] ne = {ne0, ne1, 1, 1};
    long[] nb = {4, 4 * ne0, 4 * ne0 * ne1, 4 * ne0 * ne1};
    builder.tensor(
        index,
        0,
        ne,
        nb,
        op,
        params,
        flags,
        sources,
        -1,
        0,
        buffer,
        (long) index * STEP,
        useCount,
        "tensor-" + index);
  }

  /** Tensors 0 (4 x 2), 1 (4), 2 = their product (2), 3 = 2 + 2. */
  static GgmlGraph productAndSum(GgmlBuffer buffer) {
    try (GgmlGraph.Builder builder = GgmlGraph.builder(4, 2)) {
      tensor(builder, 0, 4, 2, 0, 0, buffer, 1);
      tensor(builder, 1, 4, 1, 0, 0, buffer, 1);
      tensor(builder, 2, 2, 1, MUL_MAT, COMPUTE, buffer, 2, 0, 1);
      tensor(builder, 3, 2, 1, ADD, COMPUTE, buffer, 0, 2, 2);
      assertThat(builder.supported(buffer.device(), 2)).isTrue();
      assertThat(builder.supported(buffer.device(), 3)).isTrue();
      return builder.node(2).node(3).build();
    }
  }

  @Nested
  class GivenAGraph {
    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenComputedAgainAndAgain_thenResultsFollowTheInputs(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph graph = productAndSum(buffer)) {
        put(buffer, 0, A);
        for (int round = 1; round <= 3; round++) {
          put(buffer, 1, B[0] * round, B[1], B[2] * round, B[3]);

          backend.compute(graph);
          backend.synchronize();

          assertThat(floats(buffer, 2, 2)).containsExactly(7 * round, 19 * round);
          assertThat(floats(buffer, 3, 2)).containsExactly(14 * round, 38 * round);
        }
        assertThat(graph.nodeCount()).isEqualTo(2);
        assertThat(graph.nativeBytes()).isGreaterThan(4 * 336L);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenTwoThreadsCompute_thenTheResultIsTheSame(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(2);
          GgmlGraph graph = productAndSum(buffer)) {
        put(buffer, 0, A);
        put(buffer, 1, B);

        backend.compute(graph);

        assertThat(floats(buffer, 3, 2)).containsExactly(14, 38);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenItsBufferIsClosed_thenItRefusesToCompute(GgmlDevice device) {
      GgmlBuffer buffer = device.allocate(16 * STEP);
      try (GgmlBackend backend = device.openBackend(1);
          GgmlGraph graph = productAndSum(buffer)) {
        buffer.close();

        assertThatIllegalStateException()
            .isThrownBy(() -> backend.compute(graph))
            .withMessageContaining("is closed");
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenItOrItsBackendIsClosed_thenComputingIsRefused(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP)) {
        GgmlBackend backend = device.openBackend(1);
        GgmlGraph graph = productAndSum(buffer);
        graph.close();
        graph.close();
        assertThatIllegalStateException()
            .isThrownBy(() -> backend.compute(graph))
            .withMessageContaining("Graph of 2 nodes is closed");
        backend.close();
        backend.close();
        assertThatIllegalStateException()
            .isThrownBy(backend::synchronize)
            .withMessageContaining("Backend of");
      }
    }

    @Test
    void whenItComputesOnThreadsOfGgmlsOwn_thenTheResultIsTheSame() {
      GgmlDevice cpu = TreeGgml.cpu();
      try (GgmlBuffer buffer = cpu.allocate(16 * STEP);
          GgmlGraph graph = productAndSum(buffer)) {
        put(buffer, 0, A);
        put(buffer, 1, B);
        CpuThreadPool pool;
        try (GgmlBackend backend = cpu.openBackend(2)) {
          pool = Objects.requireNonNull(CpuThreadPool.open(cpu, backend.handle(), 2));
          backend.compute(graph);
        }
        pool.close();

        assertThat(floats(buffer, 3, 2)).containsExactly(14, 38);
      }
    }
  }

  @Nested
  class GivenAPartOfALargerGraph {
    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenATensorIsTheResultOfAnEarlierGraph_thenItIsNotComputedAgain(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph.Builder builder = GgmlGraph.builder(4, 1)) {
        put(buffer, 0, A);
        put(buffer, 1, B);
        put(buffer, 2, 100, 200);
        tensor(builder, 0, 4, 2, 0, 0, buffer, 1);
        tensor(builder, 1, 4, 1, 0, 0, buffer, 1);
        tensor(builder, 2, 2, 1, MUL_MAT, COMPUTE | PARAM, buffer, 2, 0, 1);
        tensor(builder, 3, 2, 1, ADD, COMPUTE, buffer, 0, 2, 2);
        try (GgmlGraph graph = builder.node(3).build()) {
          backend.compute(graph);
          assertThat(graph.nodeCount()).isOne();
        }

        assertThat(floats(buffer, 2, 2)).containsExactly(100, 200);
        assertThat(floats(buffer, 3, 2)).containsExactly(200, 400);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenANodeHasNoComputeFlag_thenItIsLeftAlone(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph.Builder builder = GgmlGraph.builder(4, 2)) {
        put(buffer, 0, A);
        put(buffer, 1, B);
        put(buffer, 2, 1, 2);
        tensor(builder, 0, 4, 2, 0, 0, buffer, 1);
        tensor(builder, 1, 4, 1, 0, 0, buffer, 1);
        tensor(builder, 2, 2, 1, MUL_MAT, 0, buffer, 2, 0, 1);
        tensor(builder, 3, 2, 1, ADD, COMPUTE, buffer, 0, 2, 2);
        try (GgmlGraph graph = builder.node(2).node(3).build()) {
          backend.compute(graph);
        }

        assertThat(floats(buffer, 2, 2)).containsExactly(1, 2);
        assertThat(floats(buffer, 3, 2)).containsExactly(2, 4);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenAListedNodeHasNoOperation_thenItIsNoNode(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph.Builder builder = GgmlGraph.builder(3, 3)) {
        put(buffer, 0, 1, 2);
        put(buffer, 1, 5, 6);
        tensor(builder, 0, 2, 1, 0, COMPUTE, buffer, 1);
        tensor(builder, 1, 2, 1, 0, PARAM, buffer, 1);
        tensor(builder, 2, 2, 1, ADD, COMPUTE, buffer, 0, 0, 1);
        try (GgmlGraph graph = builder.node(0).node(1).node(2).build()) {
          backend.compute(graph);
          assertThat(graph.nodeCount()).isOne();
        }

        assertThat(floats(buffer, 2, 2)).containsExactly(6, 8);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenATensorHasNoElements_thenItsBufferNeedsNoBytes(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBuffer empty = device.allocate(0);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph.Builder builder = GgmlGraph.builder(3, 2)) {
        put(buffer, 1, 1, 2);
        tensor(builder, 0, 0, 1, ADD, COMPUTE, empty, 0, 1, 1);
        tensor(builder, 1, 2, 1, 0, 0, buffer, 4);
        tensor(builder, 2, 2, 1, ADD, COMPUTE, buffer, 0, 1, 1);
        try (GgmlGraph graph = builder.node(0).node(2).build()) {
          backend.compute(graph);
        }

        assertThat(floats(buffer, 2, 2)).containsExactly(2, 4);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenANodeIsUsedElsewhereToo_thenItsValueIsKept(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph.Builder builder = GgmlGraph.builder(4, 2)) {
        put(buffer, 0, 2, 2, 2, 2);
        put(buffer, 1, 1, 2, 3, 4);
        put(buffer, 2, 9, 9, 9, 9);
        tensor(builder, 0, 4, 1, 0, 0, buffer, 1);
        tensor(builder, 1, 4, 1, 0, 0, buffer, 1);
        // Backends fuse a norm with the product that alone uses it, and do not write the norm; here
        // another graph reads it.
        tensor(builder, 2, 4, 1, RMS_NORM, COMPUTE, buffer, 2, 0);
        tensor(builder, 3, 4, 1, MUL, COMPUTE, buffer, 0, 2, 1);
        try (GgmlGraph graph = builder.node(2).node(3).build()) {
          backend.compute(graph);
        }

        assertThat(floats(buffer, 2, 4)).containsExactly(1, 1, 1, 1);
        assertThat(floats(buffer, 3, 4)).containsExactly(1, 2, 3, 4);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenAViewIsInBetween_thenItIsFollowed(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlBackend backend = device.openBackend(1);
          GgmlGraph.Builder builder = GgmlGraph.builder(3, 2)) {
        put(buffer, 0, A);
        tensor(builder, 0, 8, 1, 0, 0, buffer, 1);
        int[] sources = new int[10];
        Arrays.fill(sources, -1);
        sources[0] = 0;
        int[] viewParams = new int[16];
        viewParams[0] = 16;
        long[] nb = {4, 8, 8, 8};
        builder.tensor(
            1,
            0,
            new long[] {2, 1, 1, 1},
            nb,
            VIEW,
            viewParams,
            COMPUTE,
            sources,
            0,
            16,
            buffer,
            16,
            1,
            "view");
        int[] scale = new int[16];
        scale[0] = Float.floatToRawIntBits(10);
        tensor(builder, 2, 2, 1, SCALE, scale, COMPUTE, buffer, 0, 1);
        try (GgmlGraph graph = builder.node(1).node(2).build()) {
          backend.compute(graph);
          assertThat(graph.nodeCount()).isEqualTo(2);
        }

        assertThat(floats(buffer, 2, 2)).containsExactly(50, 60);
      }
    }
  }

  @Nested
  class GivenAGraphThatCannotBe {
    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenANodeComesBeforeItsOperand_thenItIsRefused(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlGraph.Builder builder = GgmlGraph.builder(3, 2)) {
        tensor(builder, 0, 2, 1, 0, 0, buffer, 2);
        tensor(builder, 1, 2, 1, ADD, COMPUTE, buffer, 1, 0, 0);
        tensor(builder, 2, 2, 1, ADD, COMPUTE, buffer, 0, 1, 1);
        builder.node(2).node(1);

        assertBadGraph(builder::build, "Node 0 uses node 1");
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenANodeUsesItself_thenItIsRefused(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlGraph.Builder builder = GgmlGraph.builder(1, 1)) {
        tensor(builder, 0, 2, 1, ADD, COMPUTE, buffer, 0, 0, 0);
        builder.node(0);

        assertBadGraph(builder::build, "Node 0 uses node 0");
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenTheTargetOfACastIsItself_thenItIsTaken(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlGraph.Builder builder = GgmlGraph.builder(2, 1)) {
        tensor(builder, 0, 2, 1, 0, 0, buffer, 0);
        tensor(builder, 1, 2, 1, CPY, COMPUTE, buffer, STEP, 0, 1);

        try (GgmlGraph graph = builder.node(1).build()) {
          assertThat(graph.nodeCount()).isEqualTo(1);
        }
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenTensorsAreMissingOrTwice_thenItIsRefused(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(16 * STEP);
          GgmlGraph.Builder builder = GgmlGraph.builder(2, 2)) {
        tensor(builder, 0, 2, 1, ADD, COMPUTE, buffer, 0, 1, 1);

        assertBadGraph(() -> builder.node(1), "Tensor 1 is not described");
        assertBadGraph(() -> builder.supported(device, 0), "Tensor 1 is not described");
        assertBadGraph(builder::build, "Tensor 1 is not described");
        builder.node(0);
        assertBadGraph(() -> builder.node(0), "a node twice");
        assertThatThrownBy(() -> tensor(builder, 0, 2, 1, 0, 0, buffer, 0))
            .hasMessageContaining("described twice");
        assertThatThrownBy(() -> tensor(builder, 1, 2, 1, ADD, 0, buffer, 0, 7))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
    }

    private void assertBadGraph(
        org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String message) {
      assertThatThrownBy(call)
          .isInstanceOfSatisfying(
              GgmlException.class, e -> assertThat(e.fault()).isEqualTo(GgmlFault.BAD_GRAPH))
          .hasMessageContaining(message);
    }
  }
}
