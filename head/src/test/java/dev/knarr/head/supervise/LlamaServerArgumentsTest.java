// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.plan.FlashAttention;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LlamaServerArgumentsTest {

  private static HeadConfig config(List<String> arguments) {
    return new HeadConfig(
        null,
        new HeadConfig.Model(
            "demo", Path.of("/m.gguf"), Path.of("/draft.gguf"), Path.of("/mmproj.gguf")),
        new HeadConfig.Context(1024, 4, "q8_0", "f16", FlashAttention.ON),
        List.of(new HeadConfig.Worker("cpu-0", "127.0.0.1:1")),
        null,
        new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of()),
        new HeadConfig.LlamaServer(Path.of("/llama-server"), arguments, 2),
        new HeadConfig.Http("127.0.0.1", 8080),
        new HeadConfig.Management("127.0.0.1", 0),
        Path.of("/keys"),
        0,
        new HeadConfig.Limits(0, 0, 0, 0));
  }

  @Nested
  class GivenAPlan {

    @Test
    void whenItIsTurnedIntoArguments_thenEachIsThereAndTheUsersComeLast() {
      List<String> arguments =
          LlamaServerArguments.serve(
              config(List.of("--jinja")),
              new LlamaServerArguments.Decision(
                  List.of("127.0.0.1:7", "127.0.0.1:8"),
                  List.of(1, 0),
                  new HeadDevice.AtEnds(List.of("CUDA0"), List.of("CUDA1")),
                  List.of(2, 2, 4, 1),
                  1024,
                  List.of("--backend-sampling", "--swa-full"),
                  9090));

      assertThat(String.join(" ", arguments))
          .isEqualTo(
              "--rpc 127.0.0.1:7,127.0.0.1:8 -ngl all --device CUDA0,RPC1,RPC0,CUDA1 --split-mode layer"
                  + " --tensor-split 2,2,4,1 --fit off --cache-ram 0 --ctx-checkpoints 0"
                  + " --backend-sampling --swa-full --host 127.0.0.1 --port 9090 -c 4096 -np 4 --no-kv-unified"
                  + " -fa on -ctk q8_0 -ctv f16 --threads 2 --threads-batch 2"
                  + " --metrics --slots --log-colors off --alias demo -m /m.gguf"
                  + " -md /draft.gguf -ngld all --spec-type draft-simple --mmproj /mmproj.gguf"
                  + " --jinja");
    }
  }

  @Nested
  class GivenArgumentsOfAUser {

    @ParameterizedTest
    @ValueSource(strings = {"-c", "--ctx-size", "--rpc", "-ot", "--port=1", "--fit", "--cache-ram"})
    void whenOneContradictsThePlan_thenItIsRefusedByName(String argument) {
      assertThatThrownBy(
              () -> LlamaServerArguments.refuseContradictions(List.of("--jinja", argument, "1")))
          .isInstanceOf(HeadException.class)
          .hasMessageContaining(argument.replaceFirst("=.*", ""))
          .hasMessageContaining("Take it out");
    }

    @Test
    void whenNoneDoes_thenTheyPass() {
      LlamaServerArguments.refuseContradictions(List.of("--jinja", "--temp", "0.5"));
    }
  }

  @Nested
  class GivenManyDevices {

    @Test
    void whenThereAreFifteen_thenTheLastIsNamed() {
      List<String> devices = IntStream.range(0, 15).mapToObj(i -> "cpu-" + i + "/0").toList();

      LlamaServerArguments.refuseTooMany(devices.subList(0, 14));
      assertThatThrownBy(() -> LlamaServerArguments.refuseTooMany(devices))
          .isInstanceOf(HeadException.class)
          .hasMessageContaining("15 devices")
          .hasMessageContaining("over the limit: cpu-14/0.");
    }
  }

  @Nested
  class GivenAnImageThatSetsDefaults {

    @Test
    void whenAChildIsStarted_thenTheyDoNotReachIt() {
      Map<String, String> environment =
          new HashMap<>(
              Map.of(
                  "LLAMA_ARG_HOST", "0.0.0.0",
                  "GGML_RPC_NO_COMM", "1",
                  "KNARR_PARENT_PIPE", "1",
                  "OMP_NUM_THREADS", "1",
                  "PATH", "/bin"));

      ChildCommand.clean(environment);

      assertThat(environment)
          .containsOnly(
              Map.entry("OMP_NUM_THREADS", "1"),
              Map.entry("PATH", "/bin"),
              Map.entry("GGML_NO_BACKTRACE", "1"));
    }
  }
}
