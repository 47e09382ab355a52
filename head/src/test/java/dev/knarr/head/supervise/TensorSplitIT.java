// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static dev.knarr.head.supervise.RunningHead.ANSWER;
import static dev.knarr.head.supervise.RunningHead.config;
import static dev.knarr.head.supervise.RunningHead.splittingTensors;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.testkit.peers.StockWorker;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Every tensor over two stock workers, which the relays bring together. */
class TensorSplitIT {

  @Nested
  class GivenTwoWorkers {

    @Test
    void whenAQuestionIsAsked_thenTheyAddUpDirectlyAndTheAnswerIsRight() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  splittingTensors(config(List.of(first.address(), second.address()))))) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);

        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);

        assertThat(ready.warnings()).isEmpty();
        assertThat(Objects.requireNonNull(ready.plan()).devices()).hasSize(2);
        for (String worker : List.of("cpu-0", "cpu-1")) {
          assertThat(
                  head.count(HeadMetrics.RPC_FRAMES, "worker", worker, "command", "comm_allreduce"))
              .as("reductions of " + worker)
              .isGreaterThan(10);
        }
      }
    }
  }

  @Nested
  class GivenWorkersThatCannotBeJoined {

    @Test
    void whenThereIsOne_thenTheSentenceSaysTwo() {
      try (RunningHead head = new RunningHead(splittingTensors(config(List.of("127.0.0.1:1"))))) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.CONFIG_INVALID);
        assertThat(failed.message()).contains("takes two workers, and there is 1");
      }
    }

    @Test
    void whenOneIsOnLoopbackAndTheOtherIsNot_thenItIsNamed() {
      try (RunningHead head =
          new RunningHead(splittingTensors(config(List.of("127.0.0.1:1", "192.0.2.7:1"))))) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.CONFIG_INVALID);
        assertThat(failed.message()).contains("cpu-0 (127.0.0.1:1)").contains("cannot reach");
      }
    }
  }
}
