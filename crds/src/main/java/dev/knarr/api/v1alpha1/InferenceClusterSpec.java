// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.model.annotation.SpecReplicas;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What to run: one model over groups of workers. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.workers) && self.workers.size() > 0 && self.workers.size() <= 32",
    message = Sentences.WORKER_GROUPS,
    fieldPath = ".workers")
@ValidationRule(
    value = SplitRules.KNOWN,
    message = Sentences.SPLIT_NAME,
    fieldPath = ".split.devices")
public class InferenceClusterSpec {
  /**
   * How many heads serve the model: 1, or 0 to stop it. Default 1. With 0 the head and the workers
   * end and their devices are free; models and caches on claims stay.
   */
  @SpecReplicas
  @Default("1")
  @ValidationRule(value = "self >= 0 && self <= 1", message = Sentences.REPLICAS)
  private @Nullable Integer replicas;

  /**
   * The model. Required. A change restarts the head, and loads the weights anew where they differ.
   */
  @Required private @Nullable ModelSpec model;

  /**
   * The groups of workers, 1 to 32, told apart by name. Required. The order is the order of their
   * devices. Adding or removing a group restarts the head.
   */
  @Size(max = 64)
  @ValidationRule(
      value = "self.all(a, self.exists_one(b, b.name == a.name))",
      message = Sentences.GROUP_UNIQUE)
  private @Nullable List<WorkerGroupSpec> workers;

  /** How layers are placed. Default: planned by free memory. */
  @Default("{}")
  private @Nullable SplitSpec split;

  /** The process that serves clients. Default: our server image without local devices. */
  @Default("{}")
  private @Nullable HeadSpec head;

  /**
   * Encryption and who may connect. Default: managed certificates and policies. Local mode leaves
   * it aside.
   */
  @Default("{}")
  private @Nullable NetworkSpec network;

  /** What to do when a worker stays away. Default: the head waits for it. */
  private @Nullable RecoverySpec recovery;

  /**
   * When a running cluster takes the images of a new operator. Default OnSpecChange. Local mode
   * leaves it aside.
   */
  @Default("OnSpecChange")
  private @Nullable UpdatePolicy updates;

  public @Nullable Integer getReplicas() {
    return replicas;
  }

  public void setReplicas(@Nullable Integer replicas) {
    this.replicas = replicas;
  }

  public @Nullable ModelSpec getModel() {
    return model;
  }

  public void setModel(@Nullable ModelSpec model) {
    this.model = model;
  }

  public @Nullable List<WorkerGroupSpec> getWorkers() {
    return workers;
  }

  public void setWorkers(@Nullable List<WorkerGroupSpec> workers) {
    this.workers = workers;
  }

  public @Nullable SplitSpec getSplit() {
    return split;
  }

  public void setSplit(@Nullable SplitSpec split) {
    this.split = split;
  }

  public @Nullable HeadSpec getHead() {
    return head;
  }

  public void setHead(@Nullable HeadSpec head) {
    this.head = head;
  }

  public @Nullable NetworkSpec getNetwork() {
    return network;
  }

  public void setNetwork(@Nullable NetworkSpec network) {
    this.network = network;
  }

  public @Nullable RecoverySpec getRecovery() {
    return recovery;
  }

  public void setRecovery(@Nullable RecoverySpec recovery) {
    this.recovery = recovery;
  }

  public @Nullable UpdatePolicy getUpdates() {
    return updates;
  }

  public void setUpdates(@Nullable UpdatePolicy updates) {
    this.updates = updates;
  }
}
