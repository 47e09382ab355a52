// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.PodResourceClaim;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A group of equal workers. The workers of group a100 are a100-0, a100-1, …; their devices
 * a100-0/0, a100-0/1, ….
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "!has(self.devices) || !has(self.resourceClaims) || self.resourceClaims.size() == 0",
    message = Sentences.ONE_DEVICE_REQUEST,
    fieldPath = ".resourceClaims")
public class WorkerGroupSpec extends PlacementSpec {
  /**
   * The group, a DNS label of at most 15 characters, unique in the cluster. Required. Renaming
   * replaces the workers.
   */
  @Required
  @Size(max = 63)
  @ValidationRule(
      value = Cel.MATCHES + Patterns.GROUP_NAME + Cel.END,
      message = Sentences.GROUP_NAME)
  @ValidationRule(value = "self != 'head' && self != 'ca'", message = Sentences.GROUP_RESERVED)
  private @Nullable String name;

  /** How many workers, 0 to 64. Default 1. A change restarts the head with a new plan. */
  @Default("1")
  @ValidationRule(value = "self >= 0 && self <= 64", message = Sentences.GROUP_REPLICAS)
  private @Nullable Integer replicas;

  /** What the workers compute with: cuda, rocm, vulkan or cpu. Required. */
  @Required private @Nullable Backend backend;

  /** The devices of each worker. Default: none requested; a cpu worker needs none. */
  private @Nullable DeviceRequest devices;

  /** Devices by dynamic resource allocation instead. Default: none. */
  @Size(max = 64)
  private @Nullable List<PodResourceClaim> resourceClaims;

  /**
   * Tensors kept on disk, so that a restart does not fetch them over the network again. Default: an
   * emptyDir of 20Gi. At most one of emptyDir, claim and hostPath; the kind cannot be changed
   * later. Local mode has none: its workers are where the model is.
   */
  @Default("{}")
  private @Nullable TensorCacheSpec tensorCache;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable Integer getReplicas() {
    return replicas;
  }

  public void setReplicas(@Nullable Integer replicas) {
    this.replicas = replicas;
  }

  public @Nullable Backend getBackend() {
    return backend;
  }

  public void setBackend(@Nullable Backend backend) {
    this.backend = backend;
  }

  public @Nullable DeviceRequest getDevices() {
    return devices;
  }

  public void setDevices(@Nullable DeviceRequest devices) {
    this.devices = devices;
  }

  public @Nullable List<PodResourceClaim> getResourceClaims() {
    return resourceClaims;
  }

  public void setResourceClaims(@Nullable List<PodResourceClaim> resourceClaims) {
    this.resourceClaims = resourceClaims;
  }

  public @Nullable TensorCacheSpec getTensorCache() {
    return tensorCache;
  }

  public void setTensorCache(@Nullable TensorCacheSpec tensorCache) {
    this.tensorCache = tensorCache;
  }
}
