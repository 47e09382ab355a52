// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.RpcTensorBuilder;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SplitGraphTest {
  private static final int CHOICES = 64;

  @Nested
  class GivenAGraphThatComputesItsOwnRowNumbers {
    @ParameterizedTest
    @ValueSource(strings = {"CPU", "Vulkan0"})
    void whenItIsComputed_thenEveryChoiceSeesTheNumbersBeforeIt(String device) throws IOException {
      try (var worker = RunningWorker.with(device);
          var client = RawClient.to(worker.port())) {
        var buffer = client.allocate(0, 64 << 10);
        var table = client.f32(buffer, 0, 1, 3).build();
        client.write(table, 1f, 2f, 0f);
        var first = client.f32(buffer, 256, 1, 1).build();
        client.write(first, 0f);
        List<RpcTensor> tensors = new ArrayList<>(List.of(table, first));
        List<Long> nodes = new ArrayList<>();

        // Each choice is the row number of the next, and a float on the way.
        RpcTensor last = first;
        for (int i = 0; i < CHOICES; i++) {
          var number =
              client
                  .tensor(TensorType.I32, buffer, 1024 + 256L * i, 1, 1)
                  .op(TensorOp.CPY)
                  .flags(RpcTensor.FLAG_COMPUTE)
                  .source(0, last.id());
          var ids = number.build();
          ids = number.source(1, ids.id()).build();
          last =
              client
                  .f32(buffer, 1024 + 256L * i + 128, 1, 1)
                  .op(TensorOp.GET_ROWS)
                  .flags(RpcTensor.FLAG_COMPUTE)
                  .source(0, table.id())
                  .source(1, ids.id())
                  .build();
          tensors.addAll(List.of(ids, last));
          nodes.addAll(List.of(ids.id(), last.id()));
        }
        client
            .channel()
            .send(
                new RpcRequest.GraphCompute(
                    0,
                    7,
                    ComputeGraph.of(nodes.stream().mapToLong(Long::longValue).toArray(), tensors)));

        assertThat(client.read(last)).containsExactly(CHOICES % 3);
        assertThat(worker.gauge(WorkerMetrics.GRAPHS_MEMORY)).isBetween(1.0, CHOICES * 4096.0);
      }
    }
  }

  @Nested
  class GivenADeviceThatLacksAnOperation {
    @Test
    void whenANodeInTheMiddleNeedsIt_thenTheCpuComputesIt() throws IOException {
      try (var worker = RunningWorker.with("Vulkan0");
          var client = RawClient.to(worker.port())) {
        var buffer = client.allocate(0, 64 << 10);
        var x = client.f32(buffer, 0, 2, 2).build();
        client.write(x, 1f, 2f, 3f, 4f);
        var twice = add(client.f32(buffer, 1024, 2, 2), x, x);
        var masked =
            client
                .f32(buffer, 2048, 2, 2)
                .op(TensorOp.DIAG_MASK_ZERO)
                .flags(RpcTensor.FLAG_COMPUTE)
                .source(0, twice.id())
                .build();
        var sum = add(client.f32(buffer, 3072, 2, 2), masked, x);
        long[] nodes = {twice.id(), masked.id(), sum.id()};
        var graph = ComputeGraph.of(nodes, List.of(x, twice, masked, sum));

        client.channel().send(new RpcRequest.GraphCompute(0, 7, graph));
        assertThat(client.read(sum)).containsExactly(3, 2, 9, 12);
        client.write(x, 2f, 2f, 2f, 2f);
        client.channel().send(new RpcRequest.GraphRecompute(0, 7));

        assertThat(client.read(sum)).containsExactly(6, 2, 6, 6);
        assertThat(worker.count(WorkerMetrics.FALLBACK_NODES)).isEqualTo(1);
      }
    }

    private RpcTensor add(RpcTensorBuilder result, RpcTensor a, RpcTensor b) {
      return result
          .op(TensorOp.ADD)
          .flags(RpcTensor.FLAG_COMPUTE)
          .source(0, a.id())
          .source(1, b.id())
          .build();
    }
  }
}
