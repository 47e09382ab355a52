// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.gguf.DemoModels;
import dev.knarr.gguf.GgufFile;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class NetworkPlanTest {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;
  private static final LinkSpeed FAR = new LinkSpeed(10_000, 1e6, 1e6);

  private final MemoryEstimate demo =
      MemoryEstimate.of(
          GgufFile.open(DemoModels.path("knarr-demo-q8_0.gguf")), ContextOptions.DEFAULTS);

  private NetworkPlan.Input input(
      OutputPlace output, long headBytes, List<DeviceLayers> fixed, long... workerBytes) {
    var devices =
        Stream.iterate(0, i -> i < workerBytes.length, i -> i + 1)
            .map(i -> new DeviceCapacity("w-" + i + "/0", "", workerBytes[i], workerBytes[i]))
            .toList();
    return new NetworkPlan.Input(
        demo,
        Wishes.of(List.of()),
        output,
        Optional.of(new HeadProcessor(headBytes, () -> 10e9)),
        (model, more) ->
            SplitPlan.of(model, Stream.concat(devices.stream(), more.stream()).toList(), fixed),
        _ ->
            devices.stream()
                .map(it -> it.name().substring(0, it.name().indexOf('/')))
                .map(name -> new WireWorker(name, false, FAR, Map.of()))
                .toList());
  }

  private static List<Integer> split(NetworkPlan plan) {
    return plan.windows().split().tensorSplit();
  }

  private static DevicePlan last(NetworkPlan plan) {
    return plan.windows().split().devices().getLast();
  }

  @Nested
  class GivenFarStockWorkers {

    @Test
    void whenNothingIsSaid_thenTheHeadTakesTheOutputAndNothingElse() {
      var plan = NetworkPlan.of(input(OutputPlace.AUTO, GIB, List.of(), GIB, GIB));

      assertThat(plan.usesProcessor()).isTrue();
      assertThat(split(plan)).containsExactly(4, 4, 1);
      assertThat(last(plan).name()).isEqualTo("head/cpu");
      assertThat(last(plan).layersText()).isEqualTo("output");
      assertThat(last(plan).weightsBytes()).isEqualTo(demo.outputBytes());
      assertThat(last(plan).kvBytes()).isZero();
      assertThat(last(plan).computeBytes()).isBetween(1L, 2 * MIB);
      assertThat(plan.sampling().sampling()).isEqualTo(Sampling.HEAD);
      // One activation and its frame, no logits.
      assertThat(plan.wire().links().getLast().to()).isEqualTo("head");
      assertThat(plan.wire().links().getLast().bytesPerToken()).isEqualTo(8 + 4 * 256);
    }

    @Test
    void whenTheHeadHasNoRoom_thenTheOutputStaysWithTheLayers() {
      var plan = NetworkPlan.of(input(OutputPlace.AUTO, 0, List.of(), GIB, GIB));

      assertThat(plan.usesProcessor()).isFalse();
      assertThat(split(plan)).containsExactly(4, 5);
      assertThat(plan.sampling().sampling()).isNotEqualTo(Sampling.HEAD);
    }

    @Test
    void whenItIsPlannedAgain_thenTheSplitIsTheSame() {
      var plan = NetworkPlan.of(input(OutputPlace.AUTO, GIB, List.of(), GIB, GIB));

      var again = plan.again(input(OutputPlace.AUTO, GIB, List.of(), 2 * GIB, GIB));

      assertThat(split(again)).containsExactly(4, 4, 1);
      assertThat(again.sampling().sampling()).isEqualTo(Sampling.HEAD);
    }
  }

  @Nested
  class GivenAUserWhoWantsItOnTheHead {

    @Test
    void whenLayersAreFixed_thenTheyStay() {
      var fixed = List.of(DeviceLayers.of("w-1/0", 6), DeviceLayers.of("w-0/0", 2));

      var plan = NetworkPlan.of(input(OutputPlace.HEAD, GIB, fixed, GIB, GIB));

      assertThat(split(plan)).containsExactly(6, 2, 1);
      assertThat(plan.windows().split().devices())
          .extracting(DevicePlan::name)
          .containsExactly("w-1/0", "w-0/0", "head/cpu");
    }

    @Test
    void whenOnlyDevicesAreNamed_thenLayersArePlanned() {
      var fixed = List.of(new DeviceLayers("w-1/0", OptionalInt.empty()));

      assertThat(split(NetworkPlan.of(input(OutputPlace.HEAD, GIB, fixed, GIB, GIB))))
          .containsExactly(8, 1);
    }

    @Test
    void whenTheModelFitsOnlyWithoutTheOutput_thenItFits() {
      long layers = demo.weightsBytes() + demo.kvBytes() - demo.outputBytes();
      long room = layers + demo.computeBytes(true, false, 3);

      var plan = NetworkPlan.of(input(OutputPlace.HEAD, GIB, List.of(), 0, room));

      assertThat(split(plan)).containsExactly(0, 8, 1);
      assertThatThrownBy(() -> NetworkPlan.of(input(OutputPlace.LAYERS, GIB, List.of(), 0, room)))
          .isInstanceOf(ModelDoesNotFitException.class);
    }

    @Test
    void whenTheHeadHasNoRoom_thenThatIsSaid() {
      assertThatThrownBy(() -> NetworkPlan.of(input(OutputPlace.HEAD, 0, List.of(), GIB, GIB)))
          .isInstanceOf(ModelDoesNotFitException.class);
    }
  }
}
