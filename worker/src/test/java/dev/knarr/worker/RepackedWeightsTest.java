// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.Q4_0;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Weights in ggml's repacked layout: what a client sees of it is speed. */
class RepackedWeightsTest {
  private static final int COLUMNS = 256;
  private static final int ROWS = 32;
  private static final int BATCH = 5;
  private static final int BLOCK_BYTES = 18;
  private static final int BYTES = COLUMNS / 32 * BLOCK_BYTES * ROWS;
  private static final int UID = 7;

  private RunningWorker worker;
  private RawClient client;

  @BeforeEach
  void open() throws IOException {
    worker = RunningWorker.with("CPU");
    client = RawClient.to(worker.port());
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    worker.close();
  }

  /** Weights that are finite numbers: random quants with a scale of 1/16. */
  private static ByteBuffer weights(int seed, int bytes) {
    byte[] random = new byte[bytes];
    new Random(seed).nextBytes(random);
    for (int block = 0; block < bytes; block += BLOCK_BYTES) {
      random[block] = 0;
      random[block + 1] = 0x2c;
    }
    return ByteBuffer.wrap(random);
  }

  private static float[] input() {
    var random = new Random(99);
    float[] values = new float[COLUMNS * BATCH];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  /** Weights, an input, and their product. */
  private static final class Product {
    private final RawClient client;
    private final WireGraph graph;
    private final WireTensor weights;
    private final WireTensor input;
    private final WireTensor product;

    Product(RawClient client) throws IOException {
      this.client = client;
      graph = WireGraph.on(client, 0);
      weights = graph.data(Q4_0, COLUMNS, ROWS);
      input = graph.data(F32, COLUMNS, BATCH);
      product = graph.node(TensorOp.MUL_MAT, F32, ROWS, BATCH).from(weights, input);
    }

    Product write(int seed) throws IOException {
      client.write(weights.build(), weights(seed, BYTES));
      return this;
    }

    float[] compute() throws IOException {
      client.write(input.build(), input());
      graph.send(0, UID);
      return client.read(product.build());
    }

    float[] recompute() throws IOException {
      client.write(input.build(), input());
      client.recompute(0, UID);
      return client.read(product.build());
    }
  }

  /** What a worker answers that leaves weights as they are. */
  private static float[] plainly(int seed) throws IOException {
    try (var plain = RunningWorker.configured(TestConfig.withDevices("CPU").withoutRepack());
        var other = RawClient.to(plain.port())) {
      float[] product = new Product(other).write(seed).compute();
      assertThat(plain.gauge(WorkerMetrics.WEIGHTS_REPACKED)).isZero();
      return product;
    }
  }

  private static void requireClose(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(found[i]).isCloseTo(expected[i], within(1e-4f * (1 + Math.abs(expected[i]))));
    }
  }

  private double repacked() {
    return worker.gauge(WorkerMetrics.WEIGHTS_REPACKED);
  }

  @Test
  void whenMultiplied_thenRepackedAndRight() throws IOException {
    float[] product = new Product(client).write(1).compute();
    assertThat(repacked()).isEqualTo(BYTES);
    requireClose(product, plainly(1));
  }

  @Test
  void whenTheRowsOfTheInputAreApart_thenTheWeightsStayPlain() throws IOException {
    var product = new Product(client).write(1);
    var wide = product.graph.data(F32, 2 * COLUMNS, BATCH);
    var values = new float[2 * COLUMNS * BATCH];
    for (int row = 0; row < BATCH; row++) {
      System.arraycopy(input(), row * COLUMNS, values, 2 * row * COLUMNS, COLUMNS);
    }
    client.write(wide.build(), values);
    long stride = 2L * COLUMNS * Float.BYTES;
    var apart =
        product
            .graph
            .data(F32, COLUMNS, BATCH)
            .with(it -> it.data(wide.address()))
            .strides(Float.BYTES, stride, stride * BATCH, stride * BATCH)
            .build();
    var result = product.graph.data(F32, ROWS, BATCH);
    var node =
        result
            .with(it -> it.op(TensorOp.MUL_MAT).flags(RpcTensor.FLAG_COMPUTE))
            .with(it -> it.source(0, product.weights.id()).source(1, apart.id()))
            .build();
    client.compute(0, 0, node, product.weights.build(), apart);
    requireClose(client.read(node), plainly(1));
    assertThat(repacked()).isZero();
  }

  @Nested
  class GivenRepackedWeights {
    private Product product;

    @BeforeEach
    void compute() throws IOException {
      product = new Product(client).write(1);
      product.compute();
      assertThat(repacked()).isEqualTo(BYTES);
    }

    @Test
    void whenRead_thenTheBytesAreThoseWrittenAndTheGraphGoesOn() throws IOException {
      assertThat(client.readBytes(product.weights.build())).isEqualTo(weights(1, BYTES));
      assertThat(repacked()).isZero();
      requireClose(product.recompute(), plainly(1));
    }

    @Test
    void whenOverwritten_thenTheGraphUsesTheNewOnes() throws IOException {
      product.write(2);
      requireClose(product.recompute(), plainly(2));
      assertThat(repacked()).isEqualTo(BYTES);
    }

    @Test
    void whenOverwrittenAgainAndAgain_thenTheyStayPlain() throws IOException {
      for (int seed = 2; seed < 6; seed++) {
        product.write(seed);
        requireClose(product.recompute(), plainly(seed));
      }
      assertThat(repacked()).isZero();
    }

    @Test
    void whenWrittenInPart_thenTheRestIsKept() throws IOException {
      var half = weights(2, BYTES).limit(BYTES / 2);
      client.channel().send(new RpcRequest.SetTensor(product.weights.build(), false, 0, BYTES / 2));
      client.channel().sendData(half.duplicate());
      var expected = weights(1, BYTES);
      expected.put(0, half, 0, BYTES / 2);
      assertThat(client.readBytes(product.weights.build())).isEqualTo(expected);
    }

    @Test
    void whenCopied_thenTheCopyIsPlain() throws IOException {
      var copy = product.graph.data(Q4_0, COLUMNS, ROWS).build();
      client.channel().send(new RpcRequest.CopyTensor(product.weights.build(), copy));
      assertThat(client.channel().receive(RpcResponse.TensorCopied.class).done()).isTrue();
      assertThat(client.readBytes(copy)).isEqualTo(weights(1, BYTES));
    }

    @Test
    void whenTheBufferIsCleared_thenProductsAreZero() throws IOException {
      client.channel().send(new RpcRequest.BufferClear(product.graph.buffer().handle(), (byte) 0));
      assertThat(product.recompute()).containsOnly(0f);
    }

    @Test
    void whenAnotherGraphTakesRows_thenBothAreRight() throws IOException {
      var rows = product.graph.data(I32, 1);
      client.write(rows.build(), 5);
      var row =
          product
              .graph
              .node(TensorOp.GET_ROWS, F32, COLUMNS, 1)
              .from(product.weights, rows)
              .build();
      client.compute(0, 0, row, product.weights.build(), rows.build());
      float[] values = client.read(row);
      byte quants = weights(1, BYTES).get(5 * BYTES / ROWS + 2);
      assertThat(values[0]).isEqualTo(((quants & 15) - 8) / 16f);
      requireClose(product.recompute(), plainly(1));
      assertThat(repacked()).isZero();
    }

    @Test
    void whenAnotherGraphHasThemInAnotherShape_thenBothAreRight() throws IOException {
      var half =
          product
              .graph
              .data(Q4_0, COLUMNS, ROWS / 2)
              .with(it -> it.data(product.weights.address()));
      var result = product.graph.data(F32, ROWS / 2, BATCH);
      var node =
          result
              .with(it -> it.op(TensorOp.MUL_MAT).flags(RpcTensor.FLAG_COMPUTE))
              .from(half, product.input)
              .build();
      client.write(product.input.build(), input());
      client.compute(0, 0, node, half.build(), product.input.build());
      float[] found = client.read(node);
      float[] whole = plainly(1);
      for (int row = 0; row < BATCH; row++) {
        for (int i = 0; i < ROWS / 2; i++) {
          assertThat(found[row * ROWS / 2 + i]).isEqualTo(whole[row * ROWS + i]);
        }
      }
      requireClose(product.recompute(), whole);
    }

    @Test
    void whenTheBufferIsFreed_thenNothingIsCountedAnyMore() throws IOException {
      client.free(product.graph.buffer());
      assertThat(client.sum(0, 1, 2)).isEqualTo(3);
      assertThat(repacked()).isZero();
    }
  }

  @Nested
  class GivenExperts {
    private static final int EXPERTS = 4;
    private static final int USED = 2;
    private static final int TOKENS = 3;

    private WireGraph graph;
    private WireTensor experts;
    private WireTensor input;

    @BeforeEach
    void write() throws IOException {
      graph = WireGraph.on(client, 0);
      experts = graph.data(Q4_0, COLUMNS, ROWS, EXPERTS);
      input = graph.data(F32, COLUMNS, 1, TOKENS);
      client.write(experts.build(), weights(1, EXPERTS * BYTES));
      client.write(input.build(), Arrays.copyOf(input(), COLUMNS * TOKENS));
    }

    @Test
    void whenTheirNumbersAreSorted_thenTheyAreRepacked() throws IOException {
      var scores = graph.data(F32, EXPERTS, TOKENS);
      client.write(scores.build(), 1, 2, 3, 4, 4, 3, 2, 1, 1, 3, 2, 4);
      var sorted = graph.node(TensorOp.ARGSORT, I32, EXPERTS, TOKENS).from(scores);
      sorted.params(1);
      var chosen =
          graph
              .node(TensorOp.VIEW, I32, USED, TOKENS)
              .from(sorted)
              .viewOf(sorted, 0)
              .strides(4, 4 * EXPERTS, 4 * EXPERTS * TOKENS, 4 * EXPERTS * TOKENS);
      var product =
          graph.node(TensorOp.MUL_MAT_ID, F32, ROWS, USED, TOKENS).from(experts, input, chosen);
      graph.send(0, UID);
      float[] found = client.read(product.build());
      assertThat(repacked()).isEqualTo(EXPERTS * BYTES);

      // The same with numbers from outside, where nothing says that none comes twice.
      var numbers = graph.data(I32, USED, TOKENS);
      client.write(numbers.build(), 3, 2, 0, 1, 3, 1);
      var plain = graph.data(F32, ROWS, USED, TOKENS);
      var again =
          plain
              .with(it -> it.op(TensorOp.MUL_MAT_ID).flags(RpcTensor.FLAG_COMPUTE))
              .from(experts, input, numbers)
              .build();
      client.compute(0, 0, again, experts.build(), input.build(), numbers.build());
      requireClose(found, client.read(again));
      assertThat(repacked()).isZero();
    }

    @Test
    void whenANumberComesTwiceForAToken_thenTheyStayPlain() throws IOException {
      var numbers = graph.data(I32, USED, TOKENS);
      client.write(numbers.build(), 3, 3, 3, 3, 3, 3);
      var product =
          graph.node(TensorOp.MUL_MAT_ID, F32, ROWS, USED, TOKENS).from(experts, input, numbers);
      graph.send(0, UID);
      float[] found = client.read(product.build());
      assertThat(repacked()).isZero();
      assertThat(found[0]).isEqualTo(found[ROWS]);
    }
  }
}
