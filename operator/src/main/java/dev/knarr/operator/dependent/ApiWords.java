// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import io.fabric8.kubernetes.client.KubernetesClientException;

/** What the API server says where it refuses something. Pure functions. */
public final class ApiWords {
  private ApiWords() {}

  /** Its own words, without the full stop. */
  public static String of(KubernetesClientException refused) {
    var status = refused.getStatus();
    var words =
        status == null || status.getMessage() == null ? refused.getMessage() : status.getMessage();
    return String.valueOf(words).replaceFirst("\\.$", "");
  }
}
