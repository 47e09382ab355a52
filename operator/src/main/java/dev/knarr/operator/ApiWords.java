// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import io.fabric8.kubernetes.client.KubernetesClientException;

/** What went wrong, in the API server's words where it was that. Pure functions. */
public final class ApiWords {
  private ApiWords() {}

  /** What the API server said, without the full stop. */
  public static String of(KubernetesClientException refused) {
    var status = refused.getStatus();
    var words =
        status == null || status.getMessage() == null ? refused.getMessage() : status.getMessage();
    return String.valueOf(words).replaceFirst("\\.$", "");
  }

  /** The first line of what a failure comes from: the API server's answer, or the last cause. */
  public static String ofRoot(Throwable failure) {
    var root = failure;
    while (root.getCause() != null && !hasAnswer(root)) {
      root = root.getCause();
    }
    var words =
        root instanceof KubernetesClientException refused
            ? of(refused)
            : root.getMessage() == null ? root.toString() : root.getMessage();
    return words.lines().findFirst().orElse("");
  }

  private static boolean hasAnswer(Throwable failure) {
    return failure instanceof KubernetesClientException refused && refused.getStatus() != null;
  }
}
