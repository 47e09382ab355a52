// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.testkit.CapturedSession;
import dev.knarr.testkit.CapturedSession.Connection;
import dev.knarr.worker.WorkerProcess.Holding;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A worker that serves for a long time takes no more memory than one that has served a little. */
class LeakIT {
  private static final long MOST_GROWTH_BYTES = 16 << 20;
  private static final long MOST_HEAP_GROWTH_BYTES = 256 << 10;

  @Test
  void whenAThousandClientsHaveConnectedLoadedGeneratedAndGone_thenNothingIsLeft()
      throws IOException {
    var clients = Stream.of("single", "quant").map(LeakIT::longConnection).toList();
    try (var worker = new WorkerProcess()) {
      long handles = worker.holding().handles();
      serve(worker, clients, 100);
      Holding early = atRest(worker, handles);

      serve(worker, clients, 900);

      Holding late = atRest(worker, handles);
      assertThat(late.heapBytes() - early.heapBytes())
          .as("growth of the heap, %s to %s", early, late)
          .isLessThan(MOST_HEAP_GROWTH_BYTES);
      assertThat(late.residentBytes() - early.residentBytes())
          .as("growth, %s to %s", early, late)
          .isLessThan(MOST_GROWTH_BYTES);
    }
  }

  /** When the last client's connection is over, too. */
  private static Holding atRest(WorkerProcess worker, long handles) {
    return await("the end of all handles of clients")
        .until(worker::holding, holding -> holding.handles() == handles);
  }

  /** The one that loads and generates; the others only ask. */
  private static Connection longConnection(String session) {
    return CapturedSession.named(session).connections().stream()
        .max(Comparator.comparingInt(connection -> connection.messages().size()))
        .orElseThrow();
  }

  private static void serve(WorkerProcess worker, List<Connection> clients, int rounds)
      throws IOException {
    for (int round = 0; round < rounds; round++) {
      try (var client = new RecordedClient(worker.port())) {
        client.play(clients.get(round % clients.size()), (_, _, _) -> {});
      }
    }
  }
}
