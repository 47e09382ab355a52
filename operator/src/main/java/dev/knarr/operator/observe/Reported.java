// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.api.v1alpha1.ConditionReason;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a program of ours left behind when it ended: a JSON object with reason and message, or a log
 * whose last lines hold {@code REASON: sentence}. Immutable.
 *
 * @param reason why it ended
 * @param message the sentence
 */
record Reported(ConditionReason reason, String message) {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Pattern WORD = Pattern.compile("\\b([A-Z][A-Za-z]+): ");

  /** Reads a termination message; empty when no word of it is a reason. */
  static Optional<Reported> in(String text) {
    return text.lines().flatMap(line -> inLine(line).stream()).reduce((_, last) -> last);
  }

  private static Optional<Reported> inLine(String line) {
    if (!line.startsWith("{")) {
      return sentence(line);
    }
    try {
      // A result, or a log in JSON.
      var object = JSON.readTree(line);
      var message = object.path("message").asText();
      return ConditionReason.of(object.path("reason").asText())
          .filter(reason -> reason != ConditionReason.AS_PLANNED)
          .map(reason -> new Reported(reason, message))
          .or(() -> sentence(message));
    } catch (JsonProcessingException _) {
      return Optional.empty();
    }
  }

  private static Optional<Reported> sentence(String line) {
    var match = WORD.matcher(line);
    while (match.find()) {
      var reason = ConditionReason.of(match.group(1));
      if (reason.isPresent()) {
        return Optional.of(new Reported(reason.get(), line.substring(match.end())));
      }
    }
    return Optional.empty();
  }
}
