// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** The names of a model's parts: llama.cpp's {@code NAME-00001-of-00003.gguf}. */
final class PartNames {
  private static final Pattern FIRST_PART = Pattern.compile("(.*-)(\\d{5})-of-(\\d{5})(\\.gguf)");

  /** More would be a typing error: the largest models in the wild have some 150 parts. */
  private static final int MOST_PARTS = 1000;

  private PartNames() {}

  /**
   * All parts of the model that {@code name} belongs to, in order; {@code name} alone where it is
   * not one of several.
   *
   * @param name a file name, path or URL path
   * @throws ModelException where {@code name} is a later part
   */
  static List<String> of(String name) {
    var matcher = FIRST_PART.matcher(name);
    if (!matcher.matches()) {
      return List.of(name);
    }
    int part = Integer.parseInt(matcher.group(2));
    int parts = Integer.parseInt(matcher.group(3));
    if (part != 1) {
      throw new ModelException(
          FetchReason.CONFIG_INVALID,
          "%s is part %d of %d: name the first part, the others are found from it."
              .formatted(name, part, parts));
    }
    if (parts == 0 || parts > MOST_PARTS) {
      throw new ModelException(
          FetchReason.CONFIG_INVALID, "%s cannot be one of %d parts.".formatted(name, parts));
    }
    return IntStream.rangeClosed(1, parts)
        .mapToObj(
            number ->
                String.format(
                    Locale.ROOT,
                    "%s%05d-of-%s%s",
                    matcher.group(1),
                    number,
                    matcher.group(3),
                    matcher.group(4)))
        .toList();
  }
}
