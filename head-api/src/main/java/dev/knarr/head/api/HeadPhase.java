// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonValue;

/** What the head is doing. */
public enum HeadPhase {
  /** Reading the configuration and the model's header. */
  STARTING("Starting"),
  /** Connecting to the workers and letting each device compute. */
  PROVING_WORKERS("ProvingWorkers"),
  /** Finding out whether llama-server can use the workers. */
  PROVING_SERVER("ProvingServer"),
  /** Deciding which device holds what. */
  PLANNING("Planning"),
  /** llama-server is bringing the weights to the workers. */
  LOADING("Loading"),
  /** Requests are served. */
  READY("Ready"),
  /** A worker was lost; llama-server starts again when all are proven. */
  WAITING_FOR_WORKERS("WaitingForWorkers"),
  /** llama-server ended; it starts again after a pause. */
  RESTARTING("Restarting"),
  /** Given up for now: the reason says what someone has to do. */
  FAILED("Failed"),
  /** Asked to stop. */
  STOPPING("Stopping");

  private final String text;

  HeadPhase(String text) {
    this.text = text;
  }

  /** Returns the name used in status and logs, such as {@code Ready}. */
  @JsonValue
  public String text() {
    return text;
  }
}
