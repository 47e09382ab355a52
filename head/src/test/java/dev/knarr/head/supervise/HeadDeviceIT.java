// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static dev.knarr.head.supervise.RunningHead.ANSWER;
import static dev.knarr.head.supervise.RunningHead.config;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadConfig.SplitDevice;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.route.OurWorker;
import dev.knarr.plan.OutputPlace;
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A llama-server with a device of its own: Vulkan on the processor. */
class HeadDeviceIT {
  @TempDir Path folder = Path.of("");
  private Path program = Path.of("");

  /** ggml leaves such a device out unless it is told; the head takes GGML_… from its children. */
  @BeforeEach
  void wrapTheProgram() throws IOException {
    program =
        Files.writeString(
            folder.resolve("llama-server"),
            """
            #!/bin/sh
            export VK_DRIVER_FILES=%s/llvmpipe.json GGML_VK_VISIBLE_DEVICES=0
            exec %s "$@"
            """
                .formatted(LlamaCppTree.directory(), LlamaCppTree.program("llama-server")));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private HeadConfig split(StockWorker worker, SplitDevice... devices) {
    return split(
        List.of(worker.address()),
        new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of(devices)));
  }

  private HeadConfig split(List<String> workers, HeadConfig.Split split) {
    return RunningHead.splitting(config(workers, program, 0, 60), split);
  }

  private static double read(RunningHead head) {
    return head.count(HeadMetrics.RPC_BYTES, "command", "get_tensor", "direction", "response");
  }

  @Test
  void whenItHasTheOutputAlone_thenLogitsDoNotCross() {
    try (StockWorker worker = StockWorker.start();
        RunningHead head =
            new RunningHead(
                split(worker, new SplitDevice("cpu-0/0", 8), new SplitDevice("head/0", 0)))) {
      HeadStatus ready = head.awaitPhase(HeadPhase.READY);
      var plan = Objects.requireNonNull(ready.plan());

      double before = read(head);
      assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
      // An activation of 1 KiB for each of 12 tokens, not 8 KiB of logits.
      assertThat(read(head) - before).isBetween(12.0 * 1024, 13.0 * 1040);
      assertThat(ready.warnings()).isEmpty();
      assertThat(head.count(HeadMetrics.SAMPLING)).isZero();
      assertThat(plan.tensorSplit()).containsExactly(8, 1);
      assertThat(Objects.requireNonNull(plan.sampling()).mode()).isEqualTo("Head");
      assertThat(Objects.requireNonNull(plan.wire()).links().getLast().bytesPerToken())
          .isEqualTo(8 + 4 * 256);
    }
  }

  @Test
  void whenItIsLastAfterWorkersOfOurs_thenActivationsCrossAndNoWorkerIsStartedForTheOutput() {
    try (OurWorker first = OurWorker.with("CPU");
        OurWorker second = OurWorker.with("CPU");
        RunningHead head =
            new RunningHead(
                split(
                    List.of("127.0.0.1:" + first.port(), "127.0.0.1:" + second.port()),
                    new HeadConfig.Split(
                        HeadConfig.SplitMode.LAYER,
                        List.of(
                            new SplitDevice("cpu-1/0", 5),
                            new SplitDevice("cpu-0/0", 3),
                            new SplitDevice("head/0", 0)),
                        null,
                        OutputPlace.HEAD)))) {
      var plan = Objects.requireNonNull(head.awaitPhase(HeadPhase.READY).plan());

      assertThat(plan.tensorSplit()).containsExactly(5, 3, 1);
      head.ask("What is Knarr?");
      double before = from(head, "cpu-0");
      assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
      assertThat(from(head, "cpu-0") - before).isLessThan(13 * (1024 + 100));
      assertThat(head.count(HeadMetrics.RPC_BYTES, "worker", "head")).isZero();
    }
  }

  private static double from(RunningHead head, String worker) {
    return head.count(HeadMetrics.RPC_BYTES, "worker", worker, "direction", "response");
  }

  @Test
  void whenItHasTheFirstLayers_thenTheWorkerHasTheRest() {
    try (StockWorker worker = StockWorker.start();
        RunningHead head =
            new RunningHead(
                split(worker, new SplitDevice("head/0", 3), new SplitDevice("cpu-0/0", 5)))) {
      HeadStatus ready = head.awaitPhase(HeadPhase.READY);

      assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
      assertThat(ready.warnings()).isEmpty();
      assertThat(Objects.requireNonNull(ready.plan()).tensorSplit()).containsExactly(3, 6);
    }
  }

  @Test
  void whenItIsNotThere_thenThoseThatAreThereAreNamed() {
    try (StockWorker worker = StockWorker.start();
        RunningHead head =
            new RunningHead(
                split(worker, new SplitDevice("cpu-0/0", 8), new SplitDevice("head/1", 0)))) {
      HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

      assertThat(failed.reason()).isEqualTo(HeadReason.UNKNOWN_DEVICE);
      assertThat(failed.message())
          .contains("split.devices names head/1, which is not there")
          .contains("cpu-0/0, head/0");
    }
  }

  @Test
  void whenOnlyNamesAreGiven_thenLayersArePlanned() {
    try (StockWorker worker = StockWorker.start();
        RunningHead head =
            new RunningHead(
                split(worker, new SplitDevice("head/0", null), new SplitDevice("cpu-0/0", null)))) {
      HeadStatus ready = head.awaitPhase(HeadPhase.READY);

      assertThat(Objects.requireNonNull(ready.plan()).devices())
          .extracting(HeadStatus.PlannedDevice::name)
          .containsExactly("head/0", "cpu-0/0");
      assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
    }
  }
}
