// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.DemoModel.Prompt;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stock llama-server answers through the router what it answers by itself. */
@Timeout(300)
class RoutedAnswersIT {
  private static final String TYPE = "q8_0";

  /** Enough for what one feature more or less could spoil. */
  private static final List<Prompt> SOME = DemoModel.surePrompts().subList(0, 12);

  static StockLlamaServer serve(RunningRouter router, String... more) {
    return serve(router, 1, more);
  }

  private static StockLlamaServer serve(RunningRouter router, int slots, String... more) {
    int devices = router.devices();
    var names =
        IntStream.range(0, devices).mapToObj(i -> "RPC" + i).collect(Collectors.joining(","));
    var arguments = new ArrayList<String>();
    arguments.addAll(List.of("--rpc", router.router.address(), "--device", names));
    arguments.addAll(List.of("-ngl", "all", "--tensor-split", split(devices), "--fit", "off"));
    arguments.addAll(List.of("-c", String.valueOf(2048 * slots), "-np", String.valueOf(slots)));
    arguments.addAll(List.of("--cache-ram", "0", "--ctx-checkpoints", "0", "-tb", "1"));
    arguments.addAll(List.of(more));
    return StockLlamaServer.start(DemoModel.file(TYPE), arguments);
  }

  /** Eight layers and the output, as evenly as they can be. */
  private static String split(int devices) {
    int rest = 9 % devices;
    return IntStream.range(0, devices)
        .mapToObj(i -> String.valueOf(9 / devices + (i >= devices - rest ? 1 : 0)))
        .collect(Collectors.joining(","));
  }

  private static void requireRecorded(StockLlamaServer server, List<Prompt> prompts) {
    var softly = new SoftAssertions();
    for (var prompt : prompts) {
      softly
          .assertThat(DemoModel.ask(server, prompt))
          .as("prompt %d", prompt.id())
          .isEqualTo(prompt.answer(TYPE));
    }
    softly.assertAll();
  }

  @Nested
  class GivenWorkersOfOurs {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void whenAskedAllSurePrompts_thenTheAnswersAreTheRecordedOnes(int workers) throws Exception {
      try (var router = RunningRouter.over(workers, 0);
          var server = serve(router)) {
        requireRecorded(server, DemoModel.surePrompts());

        assertThat(router.frames(RpcCommand.ROUTE_COMPUTE, "request")).isGreaterThan(100);
        assertThat(router.frames(RpcCommand.ROUTE_PUSH, "request") == 0).isEqualTo(workers == 1);
        assertThat(router.frames(RpcCommand.GRAPH_COMPUTE, "request")).isZero();
      }
    }

    @Test
    void whenFourAskAtOnce_thenEachGetsTheRecordedAnswers() throws Exception {
      try (var router = RunningRouter.over(2, 0);
          var server = serve(router, 4, "--no-kv-unified");
          var threads = Executors.newFixedThreadPool(4)) {
        var asking =
            Collections.nCopies(
                4,
                (Callable<Boolean>)
                    () -> {
                      requireRecorded(server, SOME);
                      return true;
                    });
        for (var asked : threads.invokeAll(asking)) {
          assertThat(asked.get()).isTrue();
        }
      }
    }

    @Test
    void whenADraftModelSpeculates_thenTheAnswersAreTheSame() throws Exception {
      try (var router = RunningRouter.over(2, 0);
          var server =
              serve(
                  router,
                  "-md",
                  DemoModel.file("draft-q8_0").toString(),
                  "-ngld",
                  "all",
                  "--spec-type",
                  "draft-simple")) {
        requireRecorded(server, DemoModel.surePrompts());

        assertThat(server.output()).contains("draft acceptance");
      }
    }

    @Test
    void whenTokensAreSampledInTheGraph_thenTheAnswersAreTheSame() throws Exception {
      try (var router = RunningRouter.over(2, 0);
          var server = serve(router, "--backend-sampling")) {
        requireRecorded(server, SOME);
      }
    }

    @Test
    void whenPromptsAreCutIntoManyBatches_thenTheAnswersAreTheSame() throws Exception {
      try (var router = RunningRouter.over(4, 0);
          var server = serve(router, "-ub", "8", "-b", "64")) {
        requireRecorded(server, SOME);
      }
    }

    /** Each has a plain way, which must be as right. */
    @ParameterizedTest
    @EnumSource(RouteFeature.class)
    void whenOneFeatureIsOff_thenTheAnswersAreTheSame(RouteFeature off) throws Exception {
      var features = EnumSet.complementOf(EnumSet.of(off));
      try (var router = RunningRouter.over(features, 2, 0);
          var server = serve(router)) {
        requireRecorded(server, SOME);
      }
    }
  }

  @Nested
  class GivenStockWorkers {
    @Test
    void whenTheyAreAlone_thenTheAnswersAreTheRecordedOnes() throws Exception {
      try (var router = RunningRouter.over(0, 2);
          var server = serve(router)) {
        requireRecorded(server, SOME);
      }
    }

    @Test
    void whenTheyComeAfterOurs_thenTheAnswersAreTheRecordedOnes() throws Exception {
      try (var router = RunningRouter.over(2, 1);
          var server = serve(router)) {
        requireRecorded(server, SOME);
      }
    }
  }

  @Nested
  class GivenTwoKindsOfDevices {
    /** Another device rounds otherwise: compared is what is right about an answer. */
    @Test
    void whenAskedAllSurePrompts_thenTheAnswersAreRight() throws Exception {
      try (var router =
              RunningRouter.over(OurWorker.with("CPU", "Vulkan0"), OurWorker.with("CPU"));
          var server = serve(router)) {
        var softly = new SoftAssertions();
        for (var prompt : SOME) {
          if (prompt.isRight(TYPE)) {
            softly
                .assertThat(DemoModel.ask(server, prompt))
                .as("prompt " + prompt.id())
                .containsIgnoringCase(prompt.expect());
          }
        }
        softly.assertAll();
      }
    }
  }
}
