// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.testkit.CapturedSession;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The meters agree with what went over the sockets, byte by byte and graph by graph. */
class MetersTest {
  /** What a client has seen of one command, in the type of meters, which is exact to 2^53. */
  private static final class Seen {
    private long frames;
    private long requestBytes;
    private long responseBytes;
  }

  @ParameterizedTest
  @ValueSource(strings = {"single", "quant"})
  void whenARecordedClientHasGone_thenTheMetersAgreeWithItsRecording(String name)
      throws IOException {
    var session = CapturedSession.named(name);
    var seen = new HashMap<String, Seen>();
    try (var worker = RunningWorker.with("CPU")) {
      for (var connection : session.connections()) {
        try (var client = new RecordedClient(worker.port())) {
          client.play(connection, (_, _, _) -> {});
        }
        connection.messages().forEach(message -> count(seen, message));
      }
      await("the end of the last connection")
          .pollInterval(Duration.ofMillis(5))
          .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 0);

      seen.forEach((command, frames) -> requireMetered(worker, command, frames));
      assertThat(worker.count(WorkerMetrics.RPC_BYTES, "direction", "request"))
          .isEqualTo(session.connections().stream().mapToLong(c -> c.requests().length).sum());
      assertThat(worker.count(WorkerMetrics.RPC_BYTES, "direction", "response"))
          .isEqualTo(session.connections().stream().mapToLong(c -> c.responses().length).sum());
      assertThat(worker.count(WorkerMetrics.GRAPHS_COMPUTED))
          .isEqualTo(frames(seen, "GRAPH_COMPUTE"));
      assertThat(worker.count(WorkerMetrics.GRAPHS_RECOMPUTED))
          .isEqualTo(frames(seen, "GRAPH_RECOMPUTE"));
      assertThat(worker.count(WorkerMetrics.CONNECTIONS_ACCEPTED))
          .isEqualTo(session.connections().size());
      assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
      assertThat(worker.gauge(WorkerMetrics.GRAPHS_STORED)).isZero();
      assertThat(worker.gauge(WorkerMetrics.GRAPHS_NATIVE)).isZero();
      assertThat(worker.gauge(WorkerMetrics.GRAPHS_MEMORY)).isZero();
      assertThat(worker.gauge(WorkerMetrics.GRAPHS_ARCHIVED)).isZero();
      assertThat(worker.gauge(WorkerMetrics.ARCHIVE_MEMORY)).isZero();
      assertThat(worker.gauge(WorkerMetrics.BUFFERS)).isZero();
    }
  }

  private static void count(Map<String, Seen> seen, CapturedSession.Message message) {
    var frames = seen.computeIfAbsent(message.command(), _ -> new Seen());
    frames.frames++;
    frames.requestBytes += message.requestFrame().length;
    frames.responseBytes += message.responseFrame().length;
  }

  private static void requireMetered(RunningWorker worker, String command, Seen seen) {
    String tag = command.toLowerCase(Locale.ROOT);
    assertThat(metered(worker, WorkerMetrics.RPC_FRAMES, tag, "request"))
        .as(command + " requests")
        .isEqualTo(seen.frames);
    assertThat(metered(worker, WorkerMetrics.RPC_BYTES, tag, "request"))
        .as(command + " request bytes")
        .isEqualTo(seen.requestBytes);
    assertThat(metered(worker, WorkerMetrics.RPC_BYTES, tag, "response"))
        .as(command + " response bytes")
        .isEqualTo(seen.responseBytes);
  }

  private static long metered(
      RunningWorker worker, String meter, String command, String direction) {
    return worker.count(meter, "command", command, "direction", direction);
  }

  private static long frames(Map<String, Seen> seen, String command) {
    return seen.containsKey(command) ? seen.get(command).frames : 0;
  }
}
