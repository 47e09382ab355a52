// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The name of one part of a model in several files: {@code PREFIX-00002-of-00003.gguf}. */
record PartName(Path folder, String prefix, int count) {
  private static final Pattern PATTERN = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

  /** Empty when the file's name is not that of a part. */
  static Optional<PartName> of(Path file) {
    var name = file.getFileName();
    var matcher = PATTERN.matcher(name == null ? "" : name.toString());
    if (!matcher.matches()) {
      return Optional.empty();
    }
    int number = Integer.parseInt(matcher.group(2));
    int count = Integer.parseInt(matcher.group(3));
    if (number < 1 || number > count) {
      return Optional.empty();
    }
    return Optional.of(new PartName(file.resolveSibling(""), matcher.group(1), count));
  }

  List<Path> all() {
    return IntStream.rangeClosed(1, count)
        .mapToObj(
            i ->
                folder.resolve(
                    String.format(Locale.ROOT, "%s-%05d-of-%05d.gguf", prefix, i, count)))
        .toList();
  }

  /** Names every absent part in one sentence, so that a user fetches them in one go. */
  static void requireAll(Path file, List<Path> parts) {
    if (parts.size() == 1) {
      return;
    }
    var missing = parts.stream().filter(part -> !Files.isRegularFile(part)).toList();
    if (missing.isEmpty()) {
      return;
    }
    var names =
        missing.stream()
            .limit(5)
            .map(part -> String.valueOf(part.getFileName()))
            .collect(Collectors.joining(", "));
    throw new GgufException(
        GgufFault.PART_MISSING,
        file,
        0,
        "The model has %d parts, and %d of them %s missing: %s%s."
            .formatted(
                parts.size(),
                missing.size(),
                missing.size() == 1 ? "is" : "are",
                names,
                missing.size() > 5 ? ", …" : ""),
        "Fetch them into the same folder.");
  }
}
