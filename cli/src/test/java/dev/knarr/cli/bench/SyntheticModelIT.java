// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.cli.local.OptionException;
import dev.knarr.gguf.GgmlType;
import dev.knarr.gguf.GgufFile;
import dev.knarr.testkit.peers.LlamaCppTree;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticModelIT {
  private static final SyntheticShape SMALL = new SyntheticShape("small", 256, 768, 4, 2, 2, 1000);

  @TempDir private Path folder;

  private Path write(String name) throws IOException {
    var file = folder.resolve(name);
    try (var out =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      SyntheticModel.write(SMALL, out);
    }
    return file;
  }

  private String output(String program, String... arguments) throws Exception {
    var command = new ArrayList<>(List.of(LlamaCppTree.program(program).toString()));
    command.addAll(List.of(arguments));
    var errors = folder.resolve(program + ".log");
    var builder = new ProcessBuilder(command).redirectError(errors.toFile());
    LlamaCppTree.prepare(builder.environment());
    var process = builder.start();
    try (var output = process.getInputStream()) {
      var text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor()).as("%s", Files.readString(errors)).isZero();
      return text;
    }
  }

  @Test
  void whenItIsWrittenTwice_thenTheBytesAreTheSame() throws IOException {
    assertThat(write("one")).hasSameBinaryContentAs(write("two"));
  }

  @Test
  void whenItIsRead_thenItHasTheShape() throws IOException {
    var file = GgufFile.open(write("small.gguf"));

    assertThat(file.architecture()).isEqualTo("llama");
    assertThat(file.tensors()).hasSize(3 + 9 * 2);
    assertThat(file.tensor("blk.1.attn_k.weight").orElseThrow().type()).isEqualTo(GgmlType.F16);
    assertThat(file.metadata().integer("llama.vocab_size")).hasValue(1000);
  }

  @Test
  void whenStockProgramsUseIt_thenTheyQuantiseAndMeasureIt() throws Exception {
    var original = write("small.gguf");
    var quantised = folder.resolve("small-q4_0.gguf");

    output("llama-quantize", original.toString(), quantised.toString(), "Q4_0", "1");
    var json =
        output(
            "llama-bench",
            "-m",
            quantised.toString(),
            "-dev",
            "none",
            "-p",
            "8",
            "-n",
            "2",
            "-r",
            "1",
            "-t",
            "1",
            "-o",
            "json");

    var result = LlamaBenchResult.parse(json);
    assertThat(result.modelType()).contains("llama").contains("Q4_0");
    assertThat(result.parameters()).isEqualTo(2 * 256 * 1000 + 256 + 2 * blockParameters());
    assertThat(result.tests())
        .extracting(LlamaBenchResult.Test::name)
        .containsExactly("pp8", "tg2");
  }

  /** Query and output, key and value for half of the heads, feed-forward, two norms. */
  private static long blockParameters() {
    return 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 768 + 2 * 256;
  }

  @Test
  void whenAShapeIsNamed_thenItIsThatOfThePublishedModel() {
    assertThat(SyntheticShape.of("llama-7b-8l"))
        .isEqualTo(new SyntheticShape("llama-7b-8l", 4096, 11008, 32, 32, 8, 32000));
    assertThat(SyntheticShape.of("llama-1b").layers()).isEqualTo(22);
    for (var name : List.of("llama-3b", "llama-7b-0l", "llama-7b-8", "mistral")) {
      assertThatThrownBy(() -> SyntheticShape.of(name)).isInstanceOf(OptionException.class);
    }
  }
}
