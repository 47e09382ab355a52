// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * How far a fetch is at one moment: the JSON of its {@code /status}. Immutable.
 *
 * @param identity who answers; absent outside of Kubernetes
 * @param state what it is doing
 * @param percent how much is here, 0 to 100, of what is known to be needed
 * @param bytes what is here of the files that are fetched
 * @param totalBytes the size of all files that are known; more become known on the way
 * @param reason why
 * @param message one sentence for people
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FetchStatus(
    @Nullable PodIdentity identity,
    FetchState state,
    int percent,
    long bytes,
    long totalBytes,
    FetchReason reason,
    String message) {

  /** Writes this status as JSON on one line. */
  public String toJson() {
    return JsonFile.say(this);
  }

  /**
   * Reads a status; fields that are unknown here are passed over.
   *
   * @throws IOException when it is none
   */
  public static FetchStatus parse(String json) throws IOException {
    return JsonFile.hear(json, FetchStatus.class);
  }
}
