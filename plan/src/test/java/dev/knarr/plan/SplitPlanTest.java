// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.knarr.gguf.DemoModels;
import dev.knarr.gguf.GgufFile;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class SplitPlanTest {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  private final MemoryEstimate demo =
      MemoryEstimate.of(
          GgufFile.open(DemoModels.path("knarr-demo-q8_0.gguf")), ContextOptions.DEFAULTS);

  private static DeviceCapacity device(String name, long free) {
    return new DeviceCapacity(name, "a device", free, free);
  }

  @Nested
  class GivenRoomEnough {
    @Test
    void whenTwoDevicesAreEqual_thenTheOutputCountsAsTheLastLayer() {
      var plan = SplitPlan.of(demo, List.of(device("cpu-0/0", GIB), device("cpu-1/0", GIB)));

      assertThat(plan.tensorSplit()).containsExactly(4, 5);
      assertThat(plan.devices().get(0).layersText()).isEqualTo("0-3");
      assertThat(plan.devices().get(1).layersText()).isEqualTo("4-7 + output");
      assertThat(plan.deviceOf(3).name()).isEqualTo("cpu-0/0");
      assertThat(plan.deviceOf(8).name()).isEqualTo("cpu-1/0");
      assertThat(plan.arguments()).containsSubsequence("--tensor-split", "4,5", "--fit", "off");
    }

    @Test
    void whenOneDeviceIsThere_thenItTakesAll() {
      var plan = SplitPlan.of(demo, List.of(device("cpu-0/0", GIB)));

      assertThat(plan.tensorSplit()).containsExactly(9);
      assertThat(plan.devices().getFirst().share()).isEqualTo(1);
    }

    @Test
    void whenFreeMemoryDiffers_thenLayersAreProportional() {
      var plan = SplitPlan.of(demo, List.of(device("a-0/0", 3 * GIB), device("b-0/0", GIB)));

      assertThat(plan.tensorSplit()).containsExactly(6, 3);
    }

    @Test
    void whenThereAreMoreDevicesThanLayers_thenSomeAreIdle() {
      var devices = IntStream.range(0, 14).mapToObj(i -> device("d-" + i + "/0", GIB)).toList();

      var plan = SplitPlan.of(demo, devices);

      assertThat(plan.tensorSplit().stream().mapToInt(i -> i).sum()).isEqualTo(9);
      assertThat(plan.idleDevices()).hasSizeGreaterThanOrEqualTo(5);
      assertThat(plan.idleDevices()).allSatisfy(idle -> assertThat(idle.usedBytes()).isZero());
    }

    @Test
    void whenOneDeviceIsSmall_thenItIsNeverOverfilled() {
      var plan =
          SplitPlan.of(demo, List.of(device("small-0/0", 10 * MIB), device("large-0/0", GIB)));

      assertThat(plan.devices().getFirst().positions()).isZero();
      assertThat(plan.devices().getLast().positions()).isEqualTo(9);
    }

    @Test
    void whenDevicesAreOfAnySize_thenAPlanIsWholeAndFits() {
      long seed = 20261122;
      var random = new Random(seed);
      for (int round = 0; round < 200; round++) {
        var devices =
            IntStream.range(0, 1 + random.nextInt(14))
                .mapToObj(i -> device("d-" + i + "/0", random.nextLong(120 * MIB)))
                .toList();
        try {
          var plan = SplitPlan.of(demo, devices);

          assertThat(plan.tensorSplit().stream().mapToInt(i -> i).sum())
              .as("seed %d, round %d", seed, round)
              .isEqualTo(9);
          assertThat(plan.devices())
              .allSatisfy(d -> assertThat(d.usedBytes()).isLessThanOrEqualTo(d.freeBytes()));
          assertThat(plan.devices().stream().filter(DevicePlan::output)).hasSize(1);
        } catch (ModelDoesNotFitException e) {
          assertThat(devices.stream().mapToLong(DeviceCapacity::freeBytes).max().orElse(0))
              .as("a device that takes everything is always found")
              .isLessThan(demo.weightsBytes() + demo.kvBytes() + demo.computeBytes(true, true, 14));
        }
      }
    }

    @Test
    void whenThePlanIsPrinted_thenEveryDeviceHasARow() {
      var plan = SplitPlan.of(demo, List.of(device("cpu-0/0", GIB), device("cpu-1/0", GIB)));

      var table = PlanTable.render(plan, demo).lines().toList();

      assertThat(table.getFirst()).contains("llama", "8 layers", "1 × 1024 tokens");
      assertThat(table.get(2)).startsWith("DEVICE").endsWith("SHARE");
      assertThat(table.get(3)).matches("cpu-0/0 +0-3 +3\\.2 MiB +2\\.0 MiB .*1\\.0 GiB +\\d+ %");
      assertThat(table.get(4)).contains("4-7 + output");
      assertThat(table.get(5)).startsWith("total").endsWith("100 %");
    }
  }

  @Nested
  class GivenAFixedSplit {
    private final List<DeviceCapacity> devices =
        List.of(device("a-0/0", GIB), device("a-1/0", GIB), device("b-0/0", 20 * MIB));

    @Test
    void whenItMatches_thenItIsTakenAndTheOrderIsTheUsers() {
      var plan =
          SplitPlan.of(
              demo, devices, List.of(DeviceLayers.of("a-1/0", 6), DeviceLayers.of("a-0/0", 2)));

      assertThat(plan.tensorSplit()).containsExactly(6, 3);
      assertThat(plan.devices()).extracting(DevicePlan::name).containsExactly("a-1/0", "a-0/0");
    }

    @Test
    void whenTheLastDeviceHasNoLayers_thenTheOutputStaysWithTheLastLayer() {
      var plan =
          SplitPlan.of(
              demo, devices, List.of(DeviceLayers.of("a-1/0", 8), DeviceLayers.of("a-0/0", 0)));

      assertThat(plan.tensorSplit()).containsExactly(9, 0);
    }

    @Test
    void whenTheLastIsADeviceOfTheHeadWithoutLayers_thenItTakesTheOutputAlone() {
      var withHead = List.of(device("a-0/0", GIB), device("head/0", GIB));

      var plan =
          SplitPlan.of(
              demo, withHead, List.of(DeviceLayers.of("a-0/0", 8), DeviceLayers.of("head/0", 0)));

      assertThat(plan.tensorSplit()).containsExactly(8, 1);
      assertThat(plan.devices().getLast().layersText()).isEqualTo("output");
      assertThat(plan.devices().getLast().weightsBytes()).isEqualTo(demo.outputBytes());
      assertThat(plan.devices().getLast().kvBytes()).isZero();
      assertThat(WireStop.of(plan))
          .containsExactly(new WireStop("a-0", true), new WireStop("head", false));
    }

    @Test
    void whenOnlyNamesAreGiven_thenLayersArePlannedOverThem() {
      var named = new DeviceLayers("a-1/0", OptionalInt.empty());

      assertThat(SplitPlan.of(demo, devices, List.of(named)).tensorSplit()).containsExactly(9);
    }

    @Test
    void whenItContradicts_thenItSaysWhat() {
      assertFault(
          PlanFault.UNKNOWN_DEVICE,
          List.of(DeviceLayers.of("c-0/0", 8)),
          "c-0/0, which is not there. Name it as one of these: ");
      assertMismatch(List.of(DeviceLayers.of("a-0/0", 7)), "places 7 layers, but the model has 8");
      assertMismatch(
          List.of(DeviceLayers.of("a-0/0", 4), DeviceLayers.of("a-0/0", 4)), "a-0/0 twice");
      assertMismatch(
          List.of(DeviceLayers.of("a-0/0", 8), new DeviceLayers("a-1/0", OptionalInt.empty())),
          "not for a-1/0");
      assertMismatch(
          List.of(DeviceLayers.of("a-0/0", 9), DeviceLayers.of("a-1/0", -1)), "sum to 8");
    }

    @Test
    void whenADeviceIsTooSmall_thenItIsNamed() {
      var thrown =
          catchThrowableOfType(
              ModelDoesNotFitException.class,
              () ->
                  SplitPlan.of(
                      demo,
                      devices,
                      List.of(DeviceLayers.of("a-0/0", 2), DeviceLayers.of("b-0/0", 6))));

      assertThat(thrown.device()).isEqualTo("b-0/0");
      assertThat(thrown.missingBytes()).isPositive();
      assertThat(thrown.remedies()).anyMatch(remedy -> remedy.contains("leave out the layers"));
    }

    private void assertMismatch(List<DeviceLayers> fixed, String text) {
      assertFault(PlanFault.SPLIT_MISMATCH, fixed, text);
    }

    private void assertFault(PlanFault fault, List<DeviceLayers> fixed, String text) {
      assertThatExceptionOfType(PlanException.class)
          .isThrownBy(() -> SplitPlan.of(demo, devices, fixed))
          .withMessageContaining(text)
          .satisfies(e -> assertThat(e.fault()).isEqualTo(fault));
    }
  }

  @Nested
  class GivenTooLittleMemory {
    private final MemoryEstimate large =
        demo.with(new ContextOptions(65_536, 8, "f16", "f16", FlashAttention.AUTO));

    @Test
    void whenItDoesNotFit_thenEveryRemedyIsProven() {
      var devices = List.of(device("cpu-0/0", 400 * MIB), device("cpu-1/0", 400 * MIB));

      var thrown =
          catchThrowableOfType(ModelDoesNotFitException.class, () -> SplitPlan.of(large, devices));

      assertThat(thrown.fault()).isEqualTo(PlanFault.DOES_NOT_FIT);
      assertThat(thrown.missingBytes()).isGreaterThan(1000 * MIB);
      assertThat(thrown).hasMessageContaining("too little. What would help:");
      int context = number(thrown, "contextLength of at most (\\d+) fits");
      assertThat(SplitPlan.of(large.with(large.options().withContextLength(context)), devices))
          .isNotNull();
      assertThatExceptionOfType(ModelDoesNotFitException.class)
          .isThrownBy(
              () ->
                  SplitPlan.of(
                      large.with(large.options().withContextLength(context + 256)), devices));
      assertThat(thrown.remedies().getLast()).matches("another device with .* GiB free, .*");
    }

    @Test
    void whenFewerSequencesOrASmallerCacheFit_thenTheyAreNamed() {
      var devices = List.of(device("cpu-0/0", 2000 * MIB));
      var thrown =
          catchThrowableOfType(ModelDoesNotFitException.class, () -> SplitPlan.of(large, devices));

      assertThat(thrown.device()).isEqualTo("cpu-0/0");
      int sequences = number(thrown, "parallelSequences of at most (\\d+) fits");
      assertThat(sequences).isBetween(1, 7);
      assertThat(thrown.remedies()).anyMatch(remedy -> remedy.contains("q8_0"));
    }

    @Test
    void whenTheWeightsAloneAreTooMuch_thenNoContextIsPromised() {
      var thrown =
          catchThrowableOfType(
              ModelDoesNotFitException.class,
              () -> SplitPlan.of(demo, List.of(device("cpu-0/0", MIB))));

      assertThat(thrown.remedies()).hasSize(1);
      assertThat(thrown.remedies().getFirst()).startsWith("another device with");
    }

    private int number(ModelDoesNotFitException thrown, String pattern) {
      var matcher = java.util.regex.Pattern.compile(pattern).matcher(thrown.getMessage());
      assertThat(matcher.find()).as(thrown.getMessage()).isTrue();
      return Integer.parseInt(matcher.group(1));
    }
  }

  @Test
  void whenThereIsNoDevice_thenItSaysSo() {
    assertThatExceptionOfType(PlanException.class)
        .isThrownBy(() -> SplitPlan.of(demo, List.of()))
        .withMessageContaining("Start a worker");
  }

  @Test
  void whenThereAreTooManyDevices_thenTheSurplusIsNamed() {
    var devices = IntStream.range(0, 16).mapToObj(i -> device("d-" + i + "/0", GIB)).toList();

    assertThatExceptionOfType(PlanException.class)
        .isThrownBy(() -> SplitPlan.of(demo, devices))
        .withMessageEndingWith("too many are: d-14/0, d-15/0.");
  }

  @Nested
  class GivenTensorsCutInTwo {
    @Test
    void whenBothHaveRoom_thenEachHasHalfOfEveryLayer() {
      var whole = SplitPlan.of(demo, List.of(device("cpu-0/0", GIB))).devices().getFirst();

      var plan = SplitPlan.ofTensors(demo, List.of(device("a-0/0", GIB), device("b-0/0", 2 * GIB)));

      assertThat(plan.tensorSplit()).containsExactly(9, 9);
      assertThat(plan.devices()).extracting(DevicePlan::layersText).containsOnly("0-7 + output");
      assertThat(plan.devices())
          .allSatisfy(
              half -> {
                assertThat(2 * half.weightsBytes() - whole.weightsBytes())
                    .isBetween(0L, 2 * demo.sharedBytes() + 2);
                assertThat(2 * half.kvBytes()).isEqualTo(whole.kvBytes());
              });
    }

    @Test
    void whenOneHasTooLittleRoom_thenItIsNamed() {
      assertThatThrownBy(
              () ->
                  SplitPlan.ofTensors(
                      demo, List.of(device("a-0/0", GIB), device("b-0/0", 1 << 20))))
          .isInstanceOf(PlanException.class)
          .hasMessageContaining("b-0/0 has 1");
    }

    @Test
    void whenThereAreThree_thenTwoAreAskedFor() {
      var three = List.of(device("a-0/0", GIB), device("b-0/0", GIB), device("c-0/0", GIB));

      assertThatThrownBy(() -> SplitPlan.ofTensors(demo, three))
          .isInstanceOf(PlanException.class)
          .hasMessageContaining("takes two devices, and there are 3");
    }
  }
}
