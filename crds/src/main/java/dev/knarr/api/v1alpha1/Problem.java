// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.nio.file.Path;

/**
 * One thing that is wrong with a file. Immutable.
 *
 * @param file the file
 * @param line the line, from 1
 * @param field the field, such as {@code spec.workers[0].name}; empty when it is the file as a
 *     whole
 * @param message what is wrong and what to do, two sentences
 */
public record Problem(Path file, int line, String field, String message) {
  /** {@code FILE:LINE: FIELD: sentence. remedy.} */
  @Override
  public String toString() {
    return "%s:%d: %s%s".formatted(file, line, field.isEmpty() ? "" : field + ": ", message);
  }
}
