// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.knarr.gguf.DemoModels;
import dev.knarr.gguf.GgufFile;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The estimate beside what stock llama-server logs over two stock workers. Further models are taken
 * from {@code KNARR_PLAN_MODELS}, paths separated as in PATH.
 */
class MemoryEstimateIT {
  /** llama-server prints MiB with two digits; a device may have several buffers of a kind. */
  private static final long PRINTED = 16 << 10;

  @TempDir Path folder = Path.of("");

  static Stream<Arguments> cases() {
    var extra = System.getenv("KNARR_PLAN_MODELS");
    var models =
        Stream.concat(
                Stream.of(
                    DemoModels.path("knarr-demo-q8_0.gguf"),
                    DemoModels.path("knarr-demo-q4_0.gguf")),
                extra == null
                    ? Stream.of()
                    : Stream.of(extra.split(File.pathSeparator)).map(Path::of))
            .toList();
    var options =
        List.of(
            new ContextOptions(1024, 1, "f16", "f16", FlashAttention.AUTO),
            new ContextOptions(300, 3, "q8_0", "q8_0", FlashAttention.ON),
            new ContextOptions(2048, 2, "f16", "f16", FlashAttention.OFF),
            new ContextOptions(16_384, 1, "f16", "f16", FlashAttention.AUTO));
    return models.stream()
        .flatMap(model -> options.stream().map(option -> Arguments.of(model, option)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void whenStockLoadsTheModel_thenTheEstimateAgrees(Path model, ContextOptions options)
      throws IOException {
    var estimate = MemoryEstimate.of(GgufFile.open(model), options);
    var devices =
        List.of(
            new DeviceCapacity("a-0/0", "", 1L << 40, 1L << 40),
            new DeviceCapacity("b-0/0", "", 1L << 40, 1L << 40));
    var plan = SplitPlan.of(estimate, devices);

    try (var server = StockServer.load(folder, model, options, plan.tensorSplit())) {
      for (int i = 0; i < 2; i++) {
        var device = plan.devices().get(i);
        assertThat(server.bufferBytes(i, "model"))
            .as("weights on device %d", i)
            .isCloseTo(device.weightsBytes(), within(PRINTED + device.weightsBytes() / 500));
        assertThat(server.bufferBytes(i, "KV"))
            .as("cache on device %d", i)
            .isCloseTo(device.kvBytes(), within(PRINTED));
        assertThat(device.computeBytes())
            .as("compute buffer on device %d, an upper estimate", i)
            .isBetween(
                server.bufferBytes(i, "compute"),
                server.bufferBytes(i, "compute") * 3 / 2 + (2 << 20));
      }
    }
  }
}
