// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

/** Reasons of events that tell of decisions; those of troubles are the reasons of conditions. */
public enum Decision {
  /** The model's files are there and verified. */
  MODEL_AVAILABLE("ModelAvailable", false),
  /** The layers have their devices. */
  PLAN_MADE("PlanMade", false),
  /** The endpoint answers with the whole plan in force. */
  READY("Ready", false),
  /** A worker that was lost is proven again. */
  WORKER_BACK("WorkerBack", false),
  /** The head has started llama-server again. */
  LLAMA_SERVER_RESTARTED("LlamaServerRestarted", false),
  /** Pods are about to get what a changed spec asks for. */
  ROLLOUT_BEGAN("RolloutBegan", false),
  /** All pods are what the spec asks for. */
  ROLLOUT_ENDED("RolloutEnded", false),
  /** A pod was deleted by force, since its node does not answer. */
  POD_FORCE_DELETED("PodForceDeleted", true),
  /** Certificates were made anew before they expire. */
  CERTIFICATES_RENEWED("CertificatesRenewed", false);

  private final String value;
  private final boolean warning;

  Decision(String value, boolean warning) {
    this.value = value;
    this.warning = warning;
  }

  /** The reason as it stands in the event. */
  public String value() {
    return value;
  }

  boolean warning() {
    return warning;
  }
}
