// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.local.LocalPrograms;
import dev.knarr.cli.local.OptionException;
import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.plan.ByteSize;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Models of a wanted shape and type with random weights, made by stock llama-quantize from one in
 * F16, and kept. Called by the thread that owns the programs.
 */
public final class SyntheticModels {
  private static final Pattern TYPE = Pattern.compile("[A-Z][A-Z0-9_]*");
  private static final String F16 = "F16";

  private final Path folder;
  private final LocalPrograms programs;
  private final ProgressLine progress;

  /** Keeps them in {@code folder}, which need not exist. */
  public SyntheticModels(Path folder, LocalPrograms programs, ProgressLine progress) {
    this.folder = folder;
    this.programs = programs;
    this.progress = progress;
  }

  /**
   * The files of one shape in several types, made where they are not there.
   *
   * @param shapeName such as {@code llama-7b-8l}
   * @param types as llama-quantize names them, such as {@code Q4_K_M}, or {@code F16}
   * @throws OptionException where there is no such shape or type
   * @throws BenchException where there is no room, or llama-quantize fails
   */
  public List<Path> ensure(String shapeName, List<String> types) throws InterruptedException {
    var shape = SyntheticShape.of(shapeName);
    for (var type : types) {
      if (!TYPE.matcher(type).matches()) {
        throw new OptionException(
            "--type %s is no type of llama-quantize: Q4_0, Q4_K_M, Q8_0 and F16 are some."
                .formatted(type));
      }
    }
    var missing = types.stream().filter(type -> !Files.exists(file(shape, type))).toList();
    if (!missing.isEmpty()) {
      make(shape, missing);
    }
    return types.stream().map(type -> file(shape, type)).toList();
  }

  private Path file(SyntheticShape shape, String type) {
    return folder.resolve(shape.name() + "-" + type + ".gguf");
  }

  private void make(SyntheticShape shape, List<String> types) throws InterruptedException {
    var original = file(shape, F16);
    boolean wanted = Files.exists(original) || types.contains(F16);
    try {
      Files.createDirectories(folder);
      requireRoom(shape, types);
      if (!Files.exists(original)) {
        write(shape, original);
      }
      try {
        for (var type : types) {
          if (!type.equals(F16)) {
            quantize(original, file(shape, type), type);
          }
        }
      } finally {
        if (!wanted) {
          Files.deleteIfExists(original);
        }
      }
    } catch (IOException e) {
      throw new BenchException(
          "The model %s cannot be written to %s: %s. Make room, or set KNARR_CACHE to another folder."
              .formatted(shape.name(), folder, e.getMessage()),
          e);
    }
  }

  /** Q8_0, the largest of the usual types, takes 17 bits where F16 takes 32. */
  private void requireRoom(SyntheticShape shape, List<String> types) throws IOException {
    long needed = shape.bytes() + types.size() * (shape.bytes() * 17 / 32);
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < needed) {
      throw new BenchException(
          "Making %s needs about %s in %s, where %s are free. Make room, or set KNARR_CACHE to another folder."
              .formatted(shape.name(), ByteSize.format(needed), folder, ByteSize.format(free)));
    }
  }

  private void write(SyntheticShape shape, Path file) throws IOException {
    progress.line(
        "Writing %s with random weights (%s) …".formatted(file, ByteSize.format(shape.bytes())));
    var part = file.resolveSibling(file.getFileName() + ".part");
    try {
      try (var out =
          FileChannel.open(
              part,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        SyntheticModel.write(shape, out);
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private void quantize(Path original, Path file, String type)
      throws IOException, InterruptedException {
    progress.line("Making %s with llama-quantize …".formatted(file));
    var part = file.resolveSibling(file.getFileName() + ".part");
    try {
      int threads = Runtime.getRuntime().availableProcessors();
      var process =
          programs.start(
              "llama-quantize",
              List.of(original.toString(), part.toString(), type, Integer.toString(threads)),
              threads,
              true);
      var said = said(process);
      if (process.waitFor() != 0) {
        throw new BenchException(
            "llama-quantize cannot make %s. It says:%n%s"
                .formatted(file.getFileName(), LlamaOutput.lastLines(said)));
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static List<String> said(Process process) throws IOException {
    var lines = new ArrayList<String>();
    try (var output = process.inputReader(StandardCharsets.UTF_8)) {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        lines.add(line);
      }
    }
    return lines;
  }
}
