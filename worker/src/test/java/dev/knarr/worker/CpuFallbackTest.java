// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.rpc.tensor.TensorType.IQ1_S;
import static dev.knarr.rpc.tensor.TensorType.Q4_K;
import static dev.knarr.rpc.tensor.TensorType.Q6_K;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What Vulkan cannot compute the CPU does, with the result where the client expects it. */
class CpuFallbackTest {
  private static final int CPU = 0;
  private static final int VULKAN = 1;

  private RunningWorker worker;
  private RawClient client;

  @BeforeEach
  void open() throws IOException {
    worker = RunningWorker.with("CPU", "Vulkan0");
    client = RawClient.to(worker.port());
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    worker.close();
  }

  private long fallbackNodes(String device) {
    return worker.count(WorkerMetrics.FALLBACK_NODES, "device", device);
  }

  /** Draws a graph, fills its operands, and names the tensor to compare. */
  @FunctionalInterface
  interface Drawing {
    WireTensor draw(RawClient client, WireGraph graph) throws IOException;
  }

  record Refused(String what, Drawing drawing) {
    @Override
    public String toString() {
      return what;
    }
  }

  /** Numbers of both signs without a pattern that a wrong stride would hide. */
  private static float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (i * 37 % 101) / 16f - 3;
    }
    return numbers;
  }

  static Stream<Refused> refusedByVulkan() {
    return Stream.of(
        new Refused(
            "windows of an image",
            (client, g) -> {
              var x = g.data(F32, 8, 6, 6);
              client.write(x.build(), numbers(8 * 6 * 6));
              return g.node(TensorOp.WIN_PART, F32, 8, 4, 4, 4).from(x).params(2, 2, 4);
            }),
        new Refused(
            "relative positions",
            (client, g) -> {
              var x = g.data(F16, 8, 3);
              client.write(x.build(), shorts(24));
              return g.node(TensorOp.GET_REL_POS, F16, 8, 2, 2).from(x);
            }),
        new Refused(
            "positions added in place",
            (client, g) -> {
              var x = g.data(F32, 4, 4, 1);
              var width = g.data(F32, 2, 2, 2, 1);
              var height = g.data(F32, 2, 2, 2, 1);
              client.write(x.build(), numbers(16));
              client.write(width.build(), numbers(8));
              client.write(height.build(), numbers(8));
              g.node(TensorOp.ADD_REL_POS, F32, 4, 4, 1)
                  .from(x, width, height)
                  .viewOf(x, 0)
                  .params(1);
              return x;
            }),
        new Refused(
            "a mask put in place",
            (client, g) -> {
              var x = g.data(F32, 5, 5);
              client.write(x.build(), numbers(25));
              g.node(TensorOp.DIAG_MASK_ZERO, F32, 5, 5).from(x).viewOf(x, 0).params(1);
              return x;
            }),
        new Refused(
            "one row set in a quantized table",
            (client, g) -> {
              var row = g.data(F32, 256, 1);
              var number = g.data(I64, 1);
              var table = g.data(Q6_K, 256, 4);
              client.write(row.build(), numbers(256));
              client.write(number.build(), Frames.buffer(8).putLong(2).flip());
              client.write(table.build(), ByteBuffer.wrap(pattern(4 * 210)));
              g.node(TensorOp.SET_ROWS, Q6_K, 256, 4).from(row, number, table).viewOf(table, 0);
              return table;
            }),
        new Refused(
            "a copy into part of a quantized tensor",
            (client, g) -> {
              var x = g.data(F32, 256, 2);
              var target = g.data(Q4_K, 256, 4);
              client.write(x.build(), numbers(512));
              client.write(target.build(), ByteBuffer.wrap(pattern(4 * 144)));
              var part = g.node(TensorOp.VIEW, Q4_K, 256, 2).from(target).viewOf(target, 144);
              g.node(TensorOp.CPY, Q4_K, 256, 2).from(x, part).viewOf(target, 144);
              return target;
            }));
  }

  private static ByteBuffer shorts(int count) {
    var data = Frames.buffer(2 * count);
    for (int i = 0; i < count; i++) {
      data.putShort((short) (0x3c00 + 17 * i));
    }
    return data.flip();
  }

  private static byte[] pattern(int bytes) {
    byte[] pattern = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      pattern[i] = (byte) (i * 31 % 97);
    }
    return pattern;
  }

  @Nested
  class GivenAnOperationThatVulkanRefuses {
    static Stream<Refused> refusedByVulkan() {
      return CpuFallbackTest.refusedByVulkan();
    }

    @ParameterizedTest
    @MethodSource("refusedByVulkan")
    void whenComputedThereAndOnTheCpu_thenTheBytesAreTheSame(Refused refused) throws IOException {
      var onVulkan = compute(VULKAN, refused);
      assertThat(fallbackNodes("Vulkan0")).isEqualTo(1);

      var onCpu = compute(CPU, refused);

      assertThat(onVulkan).isEqualTo(onCpu);
      assertThat(fallbackNodes("CPU")).isZero();
      assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
    }

    private ByteBuffer compute(int device, Refused refused) throws IOException {
      var graph = WireGraph.on(client, device);
      var compared = refused.drawing.draw(client, graph).build();
      var before = client.readBytes(compared);
      graph.send(device, 1);
      var after = client.readBytes(compared);
      assertThat(after).as("it was computed").isNotEqualTo(before);
      return after;
    }

    @Test
    void whenItStandsBetweenOthers_thenEachSeesTheResultsOfThoseBefore() throws IOException {
      var graph = WireGraph.on(client, VULKAN);
      var x = graph.data(F32, 3, 3);
      var squares = graph.node(TensorOp.SQR, F32, 3, 3).from(x);
      var masked = graph.node(TensorOp.DIAG_MASK_ZERO, F32, 3, 3).from(squares).viewOf(squares, 0);
      var sums = graph.node(TensorOp.SUM_ROWS, F32, 1, 3).from(masked);
      client.write(x.build(), 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f, 9f);

      graph.send(VULKAN, 1);
      assertThat(client.read(sums.build())).containsExactly(1, 16 + 25, 49 + 64 + 81);

      client.write(x.build(), 2f, 2f, 2f, 2f, 2f, 2f, 2f, 2f, 2f);
      client.recompute(VULKAN, 1);
      assertThat(client.read(sums.build())).containsExactly(4, 8, 12);
    }
  }

  @Nested
  class GivenAnOperationThatNobodyCanCompute {
    @Test
    void whenSent_thenItsConnectionAloneIsClosed() throws IOException {
      try (var hopeful = RawClient.to(worker.port())) {
        var graph = WireGraph.on(hopeful, VULKAN);
        var x = graph.data(F32, 256, 1);
        var number = graph.data(I64, 1);
        var table = graph.data(IQ1_S, 256, 4);
        graph.node(TensorOp.SET_ROWS, IQ1_S, 256, 4).from(x, number, table).viewOf(table, 0);

        graph.send(VULKAN, 1);
        hopeful.awaitClosed();
      }

      await("the refusal")
          .pollInterval(Duration.ofMillis(5))
          .until(
              () ->
                  worker.count(
                          WorkerMetrics.REJECTED,
                          "fault",
                          ProtocolFault.UNSUPPORTED_OP.metricName())
                      == 1);
      assertThat(client.sum(VULKAN, 2, 3)).isEqualTo(5);
    }
  }
}
