// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import dev.knarr.gguf.HeaderParser.Header;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The header of one model: metadata, tensors and the files it lies in. Immutable; holds no open
 * file. GGUF versions 2 and 3, little-endian, in one file or in parts as {@code llama-gguf-split}
 * writes them.
 */
public final class GgufFile {
  private final List<Path> parts;
  private final int version;
  private final GgufMetadata metadata;
  private final List<GgufTensor> tensors;
  private final Map<String, GgufTensor> byName;
  private final long bytes;

  private GgufFile(List<Path> parts, Header first, List<GgufTensor> tensors, long bytes) {
    this.parts = List.copyOf(parts);
    this.version = first.version();
    this.metadata = new GgufMetadata(first.values());
    this.tensors = List.copyOf(tensors);
    this.byName = new HashMap<>();
    this.tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    this.bytes = bytes;
  }

  /**
   * Reads the header of a model.
   *
   * @param file the model, or any part of a model in several parts ({@code
   *     name-00001-of-00003.gguf}); its other parts are looked for beside it
   * @throws GgufException when a file is missing, damaged, or not what its name says
   */
  public static GgufFile open(Path file) {
    var parts = PartName.of(file).map(PartName::all).orElse(List.of(file));
    PartName.requireAll(file, parts);
    var headers = new ArrayList<Header>(parts.size());
    for (int i = 0; i < parts.size(); i++) {
      headers.add(HeaderParser.parse(parts.get(i), i));
    }
    for (int i = 0; i < parts.size(); i++) {
      checkPart(parts.get(i), headers.get(i), i, parts.size());
    }
    var tensors = headers.stream().map(Header::tensors).flatMap(Collection::stream).toList();
    checkTensors(parts, headers.getFirst(), tensors);
    long bytes = headers.stream().mapToLong(Header::fileBytes).sum();
    return new GgufFile(parts, headers.getFirst(), tensors, bytes);
  }

  private static void checkPart(Path file, Header header, int index, int count) {
    var metadata = new GgufMetadata(header.values());
    long announced = metadata.integer("split.count").orElse(0);
    if (announced <= 1 && count == 1) {
      return;
    }
    if (announced != count) {
      throw new GgufException(
          GgufFault.PART_MISSING,
          file,
          0,
          count == 1
              ? "The file says that it is part of a model of %d files.".formatted(announced)
              : "By its name the model has %d parts, but the file says %d."
                  .formatted(count, announced),
          "Keep the names that llama-gguf-split gave (NAME-%05d-of-%05d.gguf), all in one folder."
              .formatted(1, Math.clamp(announced, 1, 99_999)));
    }
    long number = metadata.integer("split.no").orElse(-1);
    if (number != index) {
      throw new GgufException(
          GgufFault.PART_MISSING,
          file,
          0,
          "By its name the file is part %d, but it says that it is part %d."
              .formatted(index + 1, number + 1),
          "A part was renamed or copied over another: fetch the model again.");
    }
  }

  private static void checkTensors(List<Path> parts, Header first, List<GgufTensor> tensors) {
    var names = new HashSet<String>();
    for (var tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new GgufException(
            GgufFault.MALFORMED,
            parts.get(tensor.part()),
            0,
            "The tensor '%s' is also in another part.".formatted(tensor.name()),
            "The parts are of different models: fetch the model again.");
      }
    }
    var announced = new GgufMetadata(first.values()).integer("split.tensors.count");
    if (parts.size() > 1 && announced.isPresent() && announced.getAsLong() != tensors.size()) {
      throw new GgufException(
          GgufFault.MALFORMED,
          parts.getFirst(),
          0,
          "The model should have %,d tensors, but its parts have %,d."
              .formatted(announced.getAsLong(), tensors.size()),
          "The parts are of different models: fetch the model again.");
    }
  }

  /** The files of the model, in order; the first is the one to hand to llama.cpp. */
  public List<Path> parts() {
    return parts;
  }

  /** The GGUF version of the first part: 2 or 3. */
  public int version() {
    return version;
  }

  /** The metadata of the first part, which holds all of the model's. */
  public GgufMetadata metadata() {
    return metadata;
  }

  /** The tensors of all parts, in the order of the files. */
  public List<GgufTensor> tensors() {
    return tensors;
  }

  /** A tensor by its name. */
  public Optional<GgufTensor> tensor(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /** Bytes of all files together. */
  public long bytes() {
    return bytes;
  }

  /**
   * The architecture, such as {@code llama}.
   *
   * @throws GgufException when the file does not name one
   */
  public String architecture() {
    return metadata
        .text("general.architecture")
        .orElseThrow(
            () ->
                unusable(
                    "The file names no architecture (general.architecture).",
                    "It is not a model for llama.cpp: name the model's main file."));
  }

  /** A fault in what the metadata says, to be thrown by a caller that cannot use it. */
  public GgufException unusable(String what, String remedy) {
    return new GgufException(GgufFault.KEY_UNUSABLE, parts.getFirst(), 0, what, remedy);
  }
}
