// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.testkit.peers.Cable;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Four streams and four plain requests while one of our workers is in trouble. */
@Timeout(300)
class RequestsThroughTroubleIT {
  private static final Duration NOTICED = Duration.ofSeconds(15);

  @TempDir private static Path folder;

  private List<CompletableFuture<HttpResponse<String>>> answers = List.of();

  private void begin(RunningCluster cluster) {
    answers = cluster.beginEight();
    await("answers have begun")
        .atMost(KnarrProcess.LIMIT)
        .until(() -> cluster.decodedTokens() > 10);
  }

  private void awaitLoss(RunningCluster cluster) {
    long began = System.nanoTime();
    await("the worker is known to be lost")
        .atMost(NOTICED)
        .until(() -> cluster.status().workers().getLast().state() == WorkerState.LOST);
    long noticed = System.nanoTime();
    await("a stream that had begun has ended")
        .until(() -> answers.stream().anyMatch(CompletableFuture::isDone));
    System.out.printf(
        "noticed after %d ms, the first stream ended %d ms later%n",
        (noticed - began) / 1_000_000, (System.nanoTime() - noticed) / 1_000_000);
  }

  private static void awaitBack(RunningCluster cluster) {
    long began = System.nanoTime();
    cluster.awaitReady();
    System.out.printf("ready again after %d ms%n", (System.nanoTime() - began) / 1_000_000);
  }

  private void assertEndedWell() {
    for (int i = 0; i < answers.size(); i++) {
      var body = answers.get(i).join().body();
      assertThat(answers.get(i).join().statusCode()).isEqualTo(200);
      if (body.contains("\"error\"")) {
        assertThat(i % 2).as("a stream").isZero();
        assertThat(body)
            .contains("data: {\"error\":{\"message\":\"The stream was cut: ")
            .contains("cpu-1")
            .endsWith("\"code\":503}}\n\n");
      } else {
        assertThat(body).contains("\"finish_reason\":\"stop\"");
      }
    }
  }

  @Nested
  class GivenAWorkerThatIsKilled {
    @Test
    void whenAnotherTakesItsPlace_thenNoRequestIsWithoutAnAnswer() throws Exception {
      try (var cluster = new RunningCluster(folder, 0).awaitReady()) {
        begin(cluster);

        cluster.killSecond();
        awaitLoss(cluster);
        cluster.replaceSecond();

        awaitBack(cluster);
        assertEndedWell();
      }
    }
  }

  @Nested
  class GivenAWorkerThatIsFrozen {

    @Test
    void whenItIsBack_thenNoRequestIsWithoutAnAnswer() throws Exception {
      try (var cluster = new RunningCluster(folder, 0).awaitReady()) {
        begin(cluster);

        cluster.signalSecond("STOP");
        try {
          awaitLoss(cluster);
        } finally {
          cluster.signalSecond("CONT");
        }

        awaitBack(cluster);
        assertEndedWell();
      }
    }
  }

  @Nested
  class GivenAWorkerThatIsCutOff {

    @Test
    void whenItIsReachedAgain_thenNoRequestIsWithoutAnAnswer() throws Exception {
      Cable[] cable = new Cable[1];
      try (var cluster =
          new RunningCluster(
              folder,
              0,
              address -> {
                cable[0] = Cable.to(address);
                return cable[0].address();
              })) {
        cluster.awaitReady();
        begin(cluster);

        cable[0].cut();
        awaitLoss(cluster);
        cable[0].mend();

        awaitBack(cluster);
        assertEndedWell();
      } finally {
        cable[0].close();
      }
    }
  }

  @Nested
  class GivenAWorkerThatIsSlow {

    @Test
    void whenItStopsAgainAndAgain_thenNothingIsLost() throws Exception {
      try (var cluster = new RunningCluster(folder, 0).awaitReady()) {
        begin(cluster);

        for (int round = 0; round < 3; round++) {
          pauseFor(cluster, Duration.ofSeconds(2));
        }

        assertEndedWell();
        assertThat(answers)
            .allSatisfy(answer -> assertThat(answer.join().body()).doesNotContain("\"error\""));
        assertThat(cluster.status().llamaServer().restarts()).isZero();
        await("all are measured")
            .untilAsserted(
                () ->
                    assertThat(
                            Metrics.sum(
                                cluster.management,
                                "gen_ai_server_time_to_first_token_seconds_bucket",
                                "gen_ai_operation_name=\"chat\"",
                                "gen_ai_request_model=\"demo\"",
                                "le=\"+Inf\""))
                        .isEqualTo(8));
      }
    }

    private void pauseFor(RunningCluster cluster, Duration time)
        throws IOException, InterruptedException {
      cluster.signalSecond("STOP");
      try {
        await("less than the limit of a heartbeat")
            .during(time)
            .atMost(time.multipliedBy(2))
            .until(() -> cluster.status().workers().getLast().state() == WorkerState.PROVEN);
      } finally {
        cluster.signalSecond("CONT");
      }
    }
  }
}
