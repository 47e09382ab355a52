// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.CapturedSession;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CompactGraphTest {
  private static List<ComputeGraph> recorded() {
    return CapturedSession.allMessages().stream()
        .filter(message -> message.command().equals("GRAPH_COMPUTE"))
        .map(
            message -> {
              ByteBuffer payload = message.requestPayload().position(12);
              byte[] bytes = new byte[payload.remaining()];
              payload.get(bytes);
              return ComputeGraph.decode(bytes, 1000, 1000);
            })
        .toList();
  }

  private static byte[] bytes(ComputeGraph graph) {
    return CompactGraph.of(graph, Expansion::base).bytes();
  }

  /** The same graph as another client has it: other ids, handles and addresses. */
  private static ComputeGraph renamed(ComputeGraph graph) {
    List<RpcTensor> tensors = new ArrayList<>();
    for (int i = 0; i < graph.tensorCount(); i++) {
      RpcTensor tensor = graph.tensor(i);
      RpcTensorBuilder other = tensor.toBuilder().id(~tensor.id());
      for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
        other.source(k, tensor.source(k) == 0 ? 0 : ~tensor.source(k));
      }
      other.view(tensor.viewSource() == 0 ? 0 : ~tensor.viewSource(), tensor.viewOffset());
      if (tensor.buffer() != 0) {
        long handle = tensor.buffer() + 17;
        other.buffer(handle);
        other.data(tensor.data() - Expansion.base(tensor.buffer()) + Expansion.base(handle));
      }
      tensors.add(other.build());
    }
    long[] nodes = new long[graph.nodeCount()];
    for (int i = 0; i < nodes.length; i++) {
      nodes[i] = ~graph.nodeId(i);
    }
    return ComputeGraph.of(nodes, tensors);
  }

  @Nested
  class GivenEveryRecordedGraph {
    @Test
    void whenExpanded_thenItIsTheSameButForIdsAndHandles() {
      assertThat(recorded()).hasSizeGreaterThan(50).allSatisfy(Expansion::requireSame);
    }

    @Test
    void whenIdsHandlesAndAddressesAreOthers_thenTheBytesAreTheSame() {
      for (ComputeGraph graph : recorded()) {
        CompactGraph one = CompactGraph.of(graph, Expansion::base);
        CompactGraph other = CompactGraph.of(renamed(graph), Expansion::base);

        assertThat(other.bytes()).isEqualTo(one.bytes());
        assertThat(other.contentHash()).isEqualTo(one.contentHash());
        assertThat(other).isNotEqualTo(one);
      }
    }

    @Test
    void whenAnyBitThatCountsIsAnother_thenTheBytesAreOthers() {
      Random random = new Random(4);
      ComputeGraph graph = recorded().getFirst();
      byte[] compact = bytes(graph);
      int compared = 0;
      for (int round = 0; round < 4_000; round++) {
        byte[] wire = new byte[(int) graph.encodedBytes()];
        graph.encoded().get(wire);
        int tensors = 8 + 8 * graph.nodeCount();
        int tensor = random.nextInt(graph.tensorCount());
        int field = random.nextInt(RpcTensor.TYPE, RpcTensor.NAME);
        wire[tensors + RpcTensor.BYTES * tensor + field] ^= (byte) (1 << random.nextInt(8));
        ComputeGraph changed;
        try {
          changed = ComputeGraph.decode(wire, 1000, 1000);
        } catch (RuntimeException e) {
          continue; // not a graph
        }
        if (graph.tensor(tensor).buffer() != changed.tensor(tensor).buffer()) {
          continue; // another handle is the same graph if it stands for the same buffer
        }
        compared++;
        assertThat(bytes(changed))
            .as("descriptor %d, byte %d", tensor, field)
            .isNotEqualTo(compact);
      }
      assertThat(compared).isGreaterThan(200);
    }
  }

  @Nested
  class GivenAGraphOfALargeModel {
    /** The largest recorded graph eleven times, each with weights and names of its own layers. */
    private static ComputeGraph large() {
      ComputeGraph part =
          recorded().stream().max(Comparator.comparingInt(ComputeGraph::tensorCount)).orElseThrow();
      List<RpcTensor> tensors = new ArrayList<>();
      List<Long> nodes = new ArrayList<>();
      for (long copy = 0; copy < 10; copy++) {
        long shift = (copy + 1) << 52;
        for (int i = 0; i < part.tensorCount(); i++) {
          RpcTensor tensor = part.tensor(i);
          RpcTensorBuilder moved = tensor.toBuilder().id(tensor.id() + shift);
          for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
            moved.source(k, tensor.source(k) == 0 ? 0 : tensor.source(k) + shift);
          }
          long view = tensor.viewSource();
          moved.view(view == 0 ? 0 : view + shift, tensor.viewOffset());
          moved.data(tensor.data() + copy * 123_456_768);
          moved.name(tensor.name() + "-" + (31 + copy));
          tensors.add(moved.build());
        }
        for (int i = 0; i < part.nodeCount(); i++) {
          nodes.add(part.nodeId(i) + shift);
        }
      }
      return ComputeGraph.of(nodes.stream().mapToLong(Long::longValue).toArray(), tensors);
    }

    @Test
    void whenMadeCompact_thenItTakesTwentyKilobytesInsteadOf320() {
      ComputeGraph graph = large();

      CompactGraph compact = Expansion.requireSame(graph);

      assertThat(graph.encodedBytes()).isGreaterThan(320_000);
      assertThat(compact.bytes().length).isLessThan(20_000);
    }
  }

  @Nested
  class GivenNames {
    @ParameterizedTest
    @ValueSource(
        strings = {
          "",
          "7",
          "007",
          "0",
          "00",
          "blk.12.attn_q.weight",
          "a1b22c333d4444",
          "12345678901234567890",
          "1000000000",
          "999999999",
          "0000000000",
          "RPC0[127.0.0.1:50052]#attn_inp_kq_mask#0",
          "größe-3",
          "123456789012345678901234567890123456789012345678901234567890123"
        })
    void whenExpanded_thenTheyAreTheSame(String name) {
      RpcTensor tensor = RpcTensor.builder().id(1).name(name).build();

      Expansion.requireSame(ComputeGraph.of(new long[] {1}, List.of(tensor)));
    }
  }

  @Nested
  class GivenRandomGraphs {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whenExpanded_thenTheyAreTheSame(long seed) {
      Random random = new Random(seed);
      for (int round = 0; round < 200; round++) {
        Expansion.requireSame(graph(random));
      }
    }

    private static ComputeGraph graph(Random random) {
      List<RpcTensor> tensors = new ArrayList<>();
      List<Long> nodes = new ArrayList<>();
      int count = random.nextInt(60);
      for (int i = 0; i < count; i++) {
        RpcTensor tensor = tensor(random, tensors);
        tensors.add(tensor);
        if (random.nextInt(3) > 0) {
          nodes.add(random.nextInt(nodes.size() + 1), tensor.id());
        }
      }
      return ComputeGraph.of(nodes.stream().mapToLong(Long::longValue).toArray(), tensors);
    }

    private static RpcTensor tensor(Random random, List<RpcTensor> before) {
      TensorType[] types = TensorType.values();
      RpcTensorBuilder tensor =
          RpcTensor.builder()
              .id(random.nextLong() | 1)
              .type(types[random.nextInt(types.length)])
              .shape(
                  new TensorShape(
                      number(random), 1, number(random), 1, number(random), 2, 3, number(random)))
              .flags(random.nextInt())
              .name("t" + random.nextInt(5) + ".x" + number(random));
      for (int i = random.nextInt(4); i > 0; i--) {
        tensor.opParam(random.nextInt(OpParams.COUNT), random.nextInt());
      }
      if (random.nextInt(4) == 0) {
        tensor.op(TensorOp.CPY).source(1, tensor.build().id());
      } else {
        tensor.op(TensorOp.ADD);
      }
      if (!before.isEmpty()) {
        tensor.source(
            random.nextBoolean() ? 0 : 2 + random.nextInt(8),
            before.get(random.nextInt(before.size())).id());
      }
      long buffer = random.nextInt(4);
      tensor.buffer(buffer).data(buffer == 0 ? 0 : random.nextLong());
      if (!before.isEmpty() && random.nextInt(3) == 0) {
        RpcTensor source = before.get(random.nextInt(before.size()));
        long offset = number(random);
        tensor.view(source.id(), offset);
        if (random.nextBoolean() && source.buffer() != 0) {
          tensor.buffer(source.buffer()).data(source.data() + offset);
        }
      }
      return tensor.build();
    }

    /** Small ones and large ones. */
    private static long number(Random random) {
      return random.nextInt(8) == 0 ? random.nextInt(1 << 20) : random.nextInt(200);
    }
  }
}
