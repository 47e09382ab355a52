// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.testkit.CapturedSession;
import dev.knarr.testkit.CapturedSession.Message;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class KnownGraphsTest {
  private static final int MANY = 1 << 20;

  @Nested
  class GivenTheGraphsOfTestBackendOps {
    @Test
    void whenTheyAreChecked_thenAllPass() {
      List<ComputeGraph> graphs = backendOps();

      assertThat(graphs).hasSizeGreaterThan(3000);
      for (ComputeGraph graph : graphs) {
        assertThatCode(() -> GraphCheck.check(graph)).doesNotThrowAnyException();
      }
    }

    @Test
    void whenTheirRowNumbersArePlanned_thenAllAreReadBeforeTheGraph() {
      for (ComputeGraph graph : backendOps()) {
        assertThat(IndexPlan.of(graph).reads()).allMatch(IndexPlan.Read::beforeGraph);
      }
    }
  }

  @Nested
  class GivenTheGraphsOfRecordedSessions {
    @Test
    void whenTheyAreChecked_thenAllPass() {
      List<ComputeGraph> graphs = recorded();

      assertThat(graphs).isNotEmpty();
      for (ComputeGraph graph : graphs) {
        assertThatCode(() -> GraphCheck.check(graph)).doesNotThrowAnyException();
      }
    }

    @Test
    void whenTheirRowNumbersArePlanned_thenAllAreReadBeforeTheGraph() {
      for (ComputeGraph graph : recorded()) {
        assertThat(IndexPlan.of(graph).reads()).allMatch(IndexPlan.Read::beforeGraph);
      }
    }

    @Test
    void whenASizeIsAskedForAResult_thenTheOperationPasses() {
      for (Message message : messages("GET_ALLOC_SIZE")) {
        ByteBuffer payload = message.requestPayload().position(4);
        RpcTensor result = RpcTensor.decode(payload);
        List<RpcTensor> sources = List.of(RpcTensor.decode(payload, RpcTensor.MAX_SOURCES));

        assertThatCode(() -> OperationCheck.check(result, sources))
            .as(message.toString())
            .doesNotThrowAnyException();
      }
    }
  }

  private static List<Message> messages(String command) {
    return CapturedSession.allMessages().stream()
        .filter(message -> message.command().equals(command))
        .toList();
  }

  private static List<ComputeGraph> recorded() {
    return messages("GRAPH_COMPUTE").stream()
        .map(
            message -> {
              ByteBuffer payload = message.requestPayload().position(12);
              byte[] graph = new byte[payload.remaining()];
              payload.get(graph);
              return ComputeGraph.decode(graph, MANY, MANY);
            })
        .toList();
  }

  private static List<ComputeGraph> backendOps() {
    try (InputStream file = KnownGraphsTest.class.getResourceAsStream("backend-ops.graphs.gz");
        InputStream in = new GZIPInputStream(Objects.requireNonNull(file))) {
      ByteBuffer all = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
      List<ComputeGraph> graphs = new ArrayList<>();
      while (all.hasRemaining()) {
        byte[] graph = new byte[all.getInt()];
        all.get(graph);
        graphs.add(ComputeGraph.decode(graph, MANY, MANY));
      }
      return graphs;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
