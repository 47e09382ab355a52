// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.model.annotation.LabelSelector;
import io.fabric8.kubernetes.model.annotation.StatusReplicas;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What has been proven about a cluster. Written by the operator only. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class InferenceClusterStatus {
  /** The generation of the spec this status is about. */
  private @Nullable Long observedGeneration;

  /** One word for people: Pending, Fetching, Starting, Ready, Degraded, Stopped or Failed. */
  private @Nullable String phase;

  /** Why the phase is what it is, one word of the documented list. */
  private @Nullable String reason;

  /** What is missing and who acts next, in a sentence or two. */
  private @Nullable String message;

  /** Heads that run, 0 or 1. */
  @StatusReplicas private @Nullable Integer replicas;

  /** Selects the head's pod, for autoscalers. */
  @LabelSelector private @Nullable String selector;

  /** Where clients connect: the base address of the OpenAI-compatible interface. */
  private @Nullable String endpoint;

  /** Workers that are proven, of all: 2/2. */
  private @Nullable String workersReady;

  /**
   * Conditions after kstatus' conventions, told apart by type: Ready, Reconciling, Stalled,
   * ModelAvailable, WorkersReady, Planned, HeadReady, Degraded.
   */
  private @Nullable List<Condition> conditions;

  /** Which device has which layers. */
  private @Nullable PlanStatus plan;

  /** What each worker has shown. */
  private @Nullable List<WorkerStatus> workers;

  /** Tokens per second while requests run, two digits, written at most once a minute. */
  private @Nullable TokenRates tokensPerSecond;

  public @Nullable Long getObservedGeneration() {
    return observedGeneration;
  }

  public void setObservedGeneration(@Nullable Long observedGeneration) {
    this.observedGeneration = observedGeneration;
  }

  public @Nullable String getPhase() {
    return phase;
  }

  public void setPhase(@Nullable String phase) {
    this.phase = phase;
  }

  public @Nullable String getReason() {
    return reason;
  }

  public void setReason(@Nullable String reason) {
    this.reason = reason;
  }

  public @Nullable String getMessage() {
    return message;
  }

  public void setMessage(@Nullable String message) {
    this.message = message;
  }

  public @Nullable Integer getReplicas() {
    return replicas;
  }

  public void setReplicas(@Nullable Integer replicas) {
    this.replicas = replicas;
  }

  public @Nullable String getSelector() {
    return selector;
  }

  public void setSelector(@Nullable String selector) {
    this.selector = selector;
  }

  public @Nullable String getEndpoint() {
    return endpoint;
  }

  public void setEndpoint(@Nullable String endpoint) {
    this.endpoint = endpoint;
  }

  public @Nullable String getWorkersReady() {
    return workersReady;
  }

  public void setWorkersReady(@Nullable String workersReady) {
    this.workersReady = workersReady;
  }

  public @Nullable List<Condition> getConditions() {
    return conditions;
  }

  public void setConditions(@Nullable List<Condition> conditions) {
    this.conditions = conditions;
  }

  public @Nullable PlanStatus getPlan() {
    return plan;
  }

  public void setPlan(@Nullable PlanStatus plan) {
    this.plan = plan;
  }

  public @Nullable List<WorkerStatus> getWorkers() {
    return workers;
  }

  public void setWorkers(@Nullable List<WorkerStatus> workers) {
    this.workers = workers;
  }

  public @Nullable TokenRates getTokensPerSecond() {
    return tokensPerSecond;
  }

  public void setTokensPerSecond(@Nullable TokenRates tokensPerSecond) {
    this.tokensPerSecond = tokensPerSecond;
  }
}
