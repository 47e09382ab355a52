// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * How a fetch ended: what it leaves in the termination log of its container. Immutable.
 *
 * @param reason {@link FetchReason#AS_PLANNED} when all is well
 * @param message one sentence for people
 * @param bytes the size of all files
 */
public record FetchResult(FetchReason reason, String message, long bytes) {

  /** Kubernetes keeps this much of a termination log. */
  private static final int MOST_BYTES = 4096;

  /** Writes this result as JSON of at most 4096 bytes; a message that is too long is cut. */
  public String toJson() {
    String text = message;
    while (true) {
      String json = JsonFile.say(new FetchResult(reason, text, bytes));
      int over = json.getBytes(StandardCharsets.UTF_8).length - MOST_BYTES;
      if (over <= 0) {
        return json;
      }
      // A character takes at least a byte, so this ends at the latest with an empty sentence.
      text = text.substring(0, Math.max(0, text.length() - Math.max(1, over / 6) - 1)) + "…";
    }
  }

  /**
   * Reads what a fetch has left.
   *
   * @throws IOException when it is no result
   */
  public static FetchResult parse(String json) throws IOException {
    return JsonFile.hear(json, FetchResult.class);
  }
}
