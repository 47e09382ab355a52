// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Finds llama-server: images keep it in different places. Immutable. */
final class ProgramSearch {

  /** Where llama.cpp's own images have it, and where packages and builds put it. */
  private static final List<Path> USUAL =
      List.of(Path.of("/app"), Path.of("/usr/local/bin"), Path.of("/usr/bin"));

  private final List<Path> folders;

  /**
   * A search over the folders of a PATH, and after them the usual ones.
   *
   * @param path folders with colons between them; null where there is no such variable
   */
  ProgramSearch(@Nullable String path) {
    Stream<Path> first =
        path == null
            ? Stream.empty()
            : Arrays.stream(path.split(":")).filter(part -> !part.isBlank()).map(Path::of);
    this.folders = Stream.concat(first, USUAL.stream()).distinct().toList();
  }

  /**
   * Returns where a program is; what is more than a plain name is returned as it is.
   *
   * @throws HeadException with {@link HeadReason#HEAD_IMAGE_UNSUITABLE} when it is nowhere
   */
  Path find(Path program) {
    if (program.isAbsolute() || program.getNameCount() > 1) {
      return program;
    }
    return folders.stream()
        .map(folder -> folder.resolve(program))
        .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
        .findFirst()
        .orElseThrow(
            () ->
                new HeadException(
                    HeadReason.HEAD_IMAGE_UNSUITABLE,
                    "There is no program %s in %s. Use an image that holds llama-server built with ggml's RPC backend (GGML_RPC=ON), or give the path of it."
                        .formatted(
                            program,
                            String.join(", ", folders.stream().map(Path::toString).toList()))));
  }
}
