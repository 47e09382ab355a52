// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.FetchState;
import dev.knarr.head.api.FetchStatus;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.PodIdentity;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The words of a real head, as the operator hears them. */
class HeadAnswerTest {
  private static final PodIdentity WHO = new PodIdentity("cluster", "revision", "pod");
  private static final AnswerIdentity HEARD = new AnswerIdentity("cluster", "revision", "pod");

  @Test
  void whenAHeadSpeaks_thenEverythingThatIsShownIsHeard() throws IOException {
    var status =
        new HeadStatus(
            WHO,
            HeadPhase.WAITING_FOR_WORKERS,
            HeadReason.WORKER_LOST,
            "Lost.",
            "2026-11-22T12:00:00Z",
            new HeadStatus.ModelStatus("glm", "/models/glm.gguf"),
            "http://0.0.0.0:8080",
            42,
            List.of(
                new HeadStatus.WorkerStatus(
                    "a100-0",
                    "glm-a100-0:50052",
                    HeadStatus.WorkerState.LOST,
                    "8.0.0",
                    300L,
                    41,
                    97,
                    "2026-11-22T11:59:00Z",
                    "It closed.",
                    List.of(new HeadStatus.DeviceStatus("a100-0/0", 1, 2, 3, 4)))),
            new HeadStatus.PlanStatus(
                List.of(new HeadStatus.PlannedDevice("a100-0/0", "0-3", true, 5, 6, 7, 8)),
                List.of(5),
                4096,
                41_230L,
                null,
                null,
                null),
            new HeadStatus.Rates(320, 19),
            new HeadStatus.LlamaServerStatus(17L, 2),
            List.of("Slow."));

    var heard = new JsonMapper().readValue(status.toJson(), HeadAnswer.class);

    assertThat(heard)
        .isEqualTo(
            new HeadAnswer(
                HEARD,
                "WaitingForWorkers",
                "WorkerLost",
                "Lost.",
                42,
                List.of(
                    new HeadAnswer.Worker(
                        "a100-0",
                        "Lost",
                        "8.0.0",
                        41,
                        97,
                        "2026-11-22T11:59:00Z",
                        "It closed.",
                        List.of(new HeadAnswer.Device("a100-0/0", null, 2)))),
                new HeadAnswer.Plan(
                    41_230L,
                    List.of(new HeadAnswer.PlannedDevice("a100-0/0", "0-3", true, 5, 6, 7, 8))),
                new HeadAnswer.Rates(320, 19),
                new HeadAnswer.LlamaServer(2),
                List.of("Slow.")));
  }

  @Test
  void whenAFetchSpeaks_thenEverythingThatIsShownIsHeard() throws IOException {
    var status =
        new FetchStatus(
            WHO, FetchState.FETCHING, 12, 5, 40, FetchReason.MODEL_FETCHING, "On its way.");

    var heard = new JsonMapper().readValue(status.toJson(), FetchAnswer.class);

    assertThat(heard)
        .isEqualTo(new FetchAnswer(HEARD, "Fetching", 12, 40, "ModelFetching", "On its way."));
  }
}
