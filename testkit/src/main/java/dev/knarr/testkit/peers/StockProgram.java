// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs stock programs of llama.cpp to their end. */
public final class StockProgram {
  private static final Path TARGET = Path.of("target");

  private StockProgram() {}

  /**
   * What a program has printed, without colours.
   *
   * @param exitCode 128 and more: it was ended by a signal
   * @param text its results
   * @param log what it told besides, which otherwise comes in the middle of results
   */
  public record Output(int exitCode, String text, String log) {
    /** The last lines, for the message of a failed test. */
    public String tail() {
      var lines = Stream.concat(text.lines(), log.lines()).toList();
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 30), lines.size()));
    }
  }

  /** Runs a program as it is. */
  public static Output run(Duration limit, String program, String... arguments)
      throws IOException, InterruptedException {
    return run(limit, Map.of(), program, arguments);
  }

  /**
   * Runs a program that has no option for RPC servers but takes every backend there is.
   *
   * @param server host:port of the server, whose first device becomes RPC0
   */
  public static Output overRpc(Duration limit, String server, String program, String... arguments)
      throws IOException, InterruptedException {
    var environment = Map.of("LD_PRELOAD", preload().toString(), "GGML_RPC_SERVERS", server);
    return run(limit, environment, program, arguments);
  }

  private static Output run(
      Duration limit, Map<String, String> environment, String program, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    command.add(LlamaCppTree.program(program).toString());
    command.addAll(List.of(arguments));
    var output = Files.createTempFile(program, ".log");
    var log = Files.createTempFile(program, ".err");
    var builder =
        new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(log.toFile());
    LlamaCppTree.prepare(builder.environment());
    builder.environment().putAll(environment);
    var process = builder.start();
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError(
            "%s has not ended within %s; it printed: %s"
                .formatted(command, limit, new Output(-1, text(output), text(log)).tail()));
      }
      return new Output(process.exitValue(), text(output), text(log));
    } finally {
      process.destroyForcibly().waitFor();
      Files.delete(output);
      Files.delete(log);
    }
  }

  private static String text(Path output) throws IOException {
    return Files.readString(output).replaceAll("\u001b\\[[0-9;]*m", "");
  }

  /** The library that makes RPC servers visible, compiled when it is first needed. */
  private static synchronized Path preload() throws IOException, InterruptedException {
    Path library = TARGET.resolve("rpc_preload.so").toAbsolutePath();
    if (Files.exists(library)) {
      return library;
    }
    Path source = TARGET.resolve("rpc_preload.c");
    try (InputStream resource = StockProgram.class.getResourceAsStream("/rpc_preload.c")) {
      Files.createDirectories(TARGET);
      Files.write(source, resource.readAllBytes());
    }
    Process compiler;
    try {
      compiler =
          new ProcessBuilder(
                  "cc",
                  "-shared",
                  "-fPIC",
                  "-O2",
                  "-o",
                  library + ".new",
                  source.toString(),
                  "-ldl")
              .inheritIO()
              .start();
    } catch (IOException e) {
      throw new IllegalStateException(
          "There is no C compiler, which this test needs once: apt install gcc libc6-dev", e);
    }
    if (compiler.waitFor() != 0) {
      throw new IllegalStateException(
          "rpc_preload.c cannot be compiled: apt install gcc libc6-dev");
    }
    return Files.move(Path.of(library + ".new"), library);
  }
}
