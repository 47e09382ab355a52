// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.observe.HeadAnswer;

/** What is thought of a head by its own words; a pure function. */
final class HeadVerdict {
  private HeadVerdict() {}

  static Verdict of(HeadAnswer head) {
    return switch (head.phase()) {
      case HeadAnswer.READY ->
          new Verdict(
              Verdict.Weight.FINE,
              "True",
              head.reduced()
                  ? ConditionReason.REDUCED_PLAN.value()
                  : ConditionReason.AS_PLANNED.value(),
              ready(head));
      case HeadAnswer.FAILED ->
          Verdict.no(Verdict.Weight.STALLED, head.reason(), Sentence.of(head.message()));
      case "WaitingForWorkers", "Restarting" ->
          Verdict.no(Verdict.Weight.PROBLEM, head.reason(), Sentence.of(head.message()));
      case "Loading" ->
          Verdict.progress(
              ConditionReason.MODEL_LOADING,
              "llama-server brings the weights to the workers: %d %%."
                  .formatted(head.loadPercent()));
      case "ProvingWorkers", "ProvingServer", "Planning" ->
          Verdict.progress(ConditionReason.HEAD_PROVING, Sentence.of(head.message()));
      case "Draining", "Stopping" ->
          Verdict.progress(
              ConditionReason.of(head.reason())
                  .filter(reason -> reason == ConditionReason.DRAINING)
                  .orElse(ConditionReason.STOP_REQUESTED),
              Sentence.of(head.message()));
      default -> Verdict.progress(ConditionReason.HEAD_STARTING, Sentence.of(head.message()));
    };
  }

  private static String ready(HeadAnswer head) {
    var text =
        head.reduced()
            ? "llama-server has loaded the model on a part of the workers and answers."
            : "llama-server has loaded the model and answers.";
    return head.warnings().isEmpty()
        ? text
        : text + " " + Sentence.of(String.join(" ", head.warnings()));
  }
}
