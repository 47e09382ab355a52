// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.ApiWords;
import dev.knarr.operator.dependent.RefusedException;
import dev.knarr.operator.observe.RefusalDiagnosis;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.AggregatedOperatorException;
import java.net.HttpURLConnection;
import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;

/** Tells what a user has to know from what will be different the next time. Pure functions. */
final class Refusals {
  /** Answers of the API server that stay the same until somebody changes something. */
  private static final Set<Integer> FINAL =
      Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, 422);

  private Refusals() {}

  /**
   * The failure that a user has to know of. Dependents fail in any order, and of several failures
   * it has to be the same one in each pass: else the status would be written again and again.
   */
  static Optional<Notice> of(Collection<? extends Exception> failures) {
    return failures.stream()
        .map(Refusals::of)
        .flatMap(Optional::stream)
        .min(Comparator.comparing(Notice::reason).thenComparing(Notice::message));
  }

  private static Optional<Notice> of(Exception failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof RefusedException refused) {
        return Optional.of(new Notice(refused.reason(), refused.sentence()));
      }
      if (cause instanceof KubernetesClientException refused && FINAL.contains(refused.getCode())) {
        return Optional.of(
            new Notice(
                ConditionReason.API_REFUSED,
                "The API server refuses what the cluster needs: %s. %s"
                    .formatted(
                        ApiWords.of(refused), remedy(ApiWords.of(refused), refused.getCode()))));
      }
    }
    return Optional.empty();
  }

  private static String remedy(String words, int code) {
    if (words.contains("admission webhook") || words.contains("AdmissionPolicy")) {
      return "Change the spec, or the policy that refuses it.";
    }
    if (code != HttpURLConnection.HTTP_FORBIDDEN) {
      return "Correct the spec.";
    }
    // "User … cannot create resource …" is the authorizer's; all others are of admission.
    return words.contains("cannot ") && words.contains(" resource ")
        ? "Give the operator this right: the chart of its version does."
        : RefusalDiagnosis.remedy(words);
  }

  /** What went wrong at last, in the API server's words where it was that. */
  static String rootOf(Throwable failure) {
    // A workflow gathers what its dependents threw, and has no cause itself.
    return Sentence.of(
        ApiWords.ofRoot(
            failure instanceof AggregatedOperatorException gathered
                ? gathered.getAggregatedExceptions().values().iterator().next()
                : failure));
  }
}
