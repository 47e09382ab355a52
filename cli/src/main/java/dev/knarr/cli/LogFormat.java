// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** How the parts that serve write their log. */
enum LogFormat {
  TEXT,
  JSON;

  /** The environment variable for all commands. */
  static final String ENVIRONMENT = "KNARR_LOG_FORMAT";

  /**
   * Sets the format of this process, before Quarkus starts.
   *
   * @param option what the command line says
   * @param ownEnvironment the command's own variable, which wins over {@value #ENVIRONMENT}
   * @throws CommandFailure if a variable names no format
   */
  static void choose(@Nullable LogFormat option, String ownEnvironment) {
    var format = option == null ? ofEnvironment(ownEnvironment) : option;
    System.setProperty(
        "quarkus.log.console.json.enabled", Boolean.toString(format == LogFormat.JSON));
  }

  private static LogFormat ofEnvironment(String ownEnvironment) {
    for (var variable : new String[] {ownEnvironment, ENVIRONMENT}) {
      var value = System.getenv(variable);
      if (value != null && !value.isEmpty()) {
        return Stream.of(values())
            .filter(format -> format.name().equals(value.toUpperCase(Locale.ROOT)))
            .findFirst()
            .orElseThrow(
                () ->
                    CommandFailure.usage(
                        "%s is '%s', but must be json or text.".formatted(variable, value)));
      }
    }
    return TEXT;
  }
}
