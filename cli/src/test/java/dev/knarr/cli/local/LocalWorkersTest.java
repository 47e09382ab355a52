// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.cli.model.ModelSource;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.os.MachineMemory;
import dev.knarr.plan.FlashAttention;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LocalWorkersTest {
  private static final long GIB = 1L << 30;

  private static LocalSpec.WorkerSpec cpu(String name, OptionalLong limit) {
    return new LocalSpec.WorkerSpec(name, List.of("CPU"), true, limit);
  }

  private static LocalSpec spec(LocalSpec.WorkerSpec... workers) {
    return new LocalSpec(
        "test",
        "model",
        new ModelSource.LocalPath(Path.of("m.gguf")),
        Optional.empty(),
        Optional.empty(),
        new HeadConfig.Context(0, 1, "f16", "f16", FlashAttention.AUTO),
        List.of(workers),
        new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of()),
        List.of(),
        8080,
        OptionalInt.empty());
  }

  @Nested
  class GivenTwoWorkersOnOneMachine {
    private final MachineMemory memory = new MachineMemory(16 * GIB + (512L << 20));
    private final LocalSpec.WorkerSpec free = cpu("cpu-0", OptionalLong.empty());

    @Test
    void whenTheyStart_thenEachGetsHalfOfTheMemoryAsItsLimit() {
      var arguments = LocalWorkers.arguments(free, 1, memory, 2);

      assertThat(arguments)
          .containsSubsequence("--device", "CPU")
          .containsSubsequence("--memory-limit", Long.toString(8 * GIB));
    }

    @Test
    void whenTheFileAllowsLess_thenThatHolds() {
      var limited = cpu("cpu-1", OptionalLong.of(GIB));

      assertThat(LocalWorkers.cpuLimitBytes(limited, memory, 2)).isEqualTo(GIB);
    }

    @Test
    void whenThePlanIsAsked_thenItAssumesTheSameShares() {
      var devices = LocalPlan.assumed(spec(free, cpu("cpu-1", OptionalLong.of(GIB))), memory);

      assertThat(devices)
          .extracting(device -> device.name() + " " + device.freeBytes() / GIB)
          .containsExactly("cpu-0/0 8", "cpu-1/0 1");
    }

    @ParameterizedTest
    @CsvSource({"2, 2, 1", "8, 2, 4", "2, 5, 1", "7, 2, 3"})
    void whenNobodySaysHowMany_thenTheProcessorsAreDivided(int processors, int workers, int each) {
      assertThat(LocalWorkers.threads(OptionalInt.empty(), processors, workers)).isEqualTo(each);
    }

    @Test
    void whenAddressesAreGiven_thenTheyTakeThePlacesInOrder() {
      var workers =
          HeadWorkers.of(
              spec(free, cpu("cpu-1", OptionalLong.empty())), List.of("a:1", "10.0.0.7:2,b:3"));

      assertThat(workers)
          .containsExactly(
              new HeadConfig.Worker("cpu-0", "a:1"),
              new HeadConfig.Worker("cpu-1", "10.0.0.7:2", List.of("b:3")));
    }

    @Test
    void whenThereAreFifteen_thenTheLastIsRefusedByName() {
      var fifteen =
          IntStream.range(0, 15)
              .mapToObj(i -> cpu("cpu-" + i, OptionalLong.empty()))
              .toArray(LocalSpec.WorkerSpec[]::new);

      assertThatThrownBy(() -> LocalCluster.requireFewDevices(spec(fifteen)))
          .hasMessageContaining("over the limit: cpu-14/0.");
    }

    @Test
    void whenOneAddressIsMissing_thenTheMessageSaysBothCountsAndTheNames() {
      var cluster = spec(free, cpu("cpu-1", OptionalLong.empty()));

      assertThatThrownBy(() -> HeadWorkers.of(cluster, List.of("a:1")))
          .isInstanceOf(OptionException.class)
          .hasMessage(
              "1 --worker address is given, but the cluster has 2 workers (cpu-0, cpu-1): give one address for each, in this order.");
    }
  }

  @Nested
  class GivenAWorkerWithAGpu {
    @Test
    void whenThePlanIsAskedWithoutTheWorker_thenItSaysHowToAsk() {
      var gpu = new LocalSpec.WorkerSpec("a-0", List.of("CUDA0"), false, OptionalLong.empty());

      assertThatThrownBy(() -> LocalPlan.assumed(spec(gpu), new MachineMemory(GIB)))
          .hasMessageContaining("a-0 (CUDA0)")
          .hasMessageContaining("--worker HOST:PORT");
    }
  }
}
