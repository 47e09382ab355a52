// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Types of conditions in the status, after kstatus' conventions. */
public enum ConditionType {
  /** True when the endpoint answers with the whole plan in force. */
  @JsonProperty("Ready")
  READY("Ready"),
  /** True while what runs is not yet what the spec asks for. */
  @JsonProperty("Reconciling")
  RECONCILING("Reconciling"),
  /** True when nothing will change until a person acts. */
  @JsonProperty("Stalled")
  STALLED("Stalled"),
  /** True when the model's files are there and verified. */
  @JsonProperty("ModelAvailable")
  MODEL_AVAILABLE("ModelAvailable"),
  /** True when every worker has computed a probe graph on each device. */
  @JsonProperty("WorkersReady")
  WORKERS_READY("WorkersReady"),
  /** True when the model fits and every layer has its device. */
  @JsonProperty("Planned")
  PLANNED("Planned"),
  /** True when llama-server has loaded the model and answers. */
  @JsonProperty("HeadReady")
  HEAD_READY("HeadReady"),
  /** True when a part that was proven is lost. */
  @JsonProperty("Degraded")
  DEGRADED("Degraded");

  private final String value;

  ConditionType(String value) {
    this.value = value;
  }

  /** The type as it stands in the status. */
  public String value() {
    return value;
  }
}
