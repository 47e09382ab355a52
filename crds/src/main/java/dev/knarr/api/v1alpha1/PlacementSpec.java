// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TopologySpreadConstraint;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where pods run and what they are given; for worker groups and the head. Local mode reads only
 * resources.limits.memory and leaves the rest aside.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public abstract class PlacementSpec {
  /**
   * CPU and memory of the container. Default: none. limits.memory is also handed to a cpu worker as
   * the most it may allocate, on Kubernetes less what its program needs itself. A change restarts
   * the pods.
   */
  private @Nullable ResourceRequirements resources;

  /** Labels a node must have. Default: none. */
  private @Nullable Map<String, String> nodeSelector;

  /** Affinity of the pods. Default: none. */
  private @Nullable Affinity affinity;

  /** Taints the pods tolerate. Default: none. */
  private @Nullable List<Toleration> tolerations;

  /** How pods spread over zones and nodes. Default: none. */
  private @Nullable List<TopologySpreadConstraint> topologySpread;

  /** The RuntimeClass, such as nvidia. Default: the cluster's own. */
  private @Nullable String runtimeClass;

  /** The PriorityClass. Default: the cluster's own. */
  private @Nullable String priorityClass;

  /**
   * The container image. Default: ours for the backend, or our server image for the head. Any image
   * with the same ggml RPC protocol version works. A change restarts the pods.
   */
  private @Nullable String image;

  /**
   * When to pull the image: Always, IfNotPresent or Never. Default: by Kubernetes' rule for the
   * tag.
   */
  private @Nullable ImagePullPolicy imagePullPolicy;

  /**
   * Further environment variables. Default: none. LLAMA_ARG_* and GGML_* are removed from the
   * head's.
   */
  private @Nullable List<EnvVar> env;

  /**
   * Further volumes of the pod, of the kinds that Kubernetes has not given up for CSI. Default:
   * none. A change restarts the pods.
   */
  private @Nullable List<Volume> volumes;

  /** Where they are mounted in the container. Default: none. */
  private @Nullable List<VolumeMount> volumeMounts;

  /**
   * Further labels of the pods and of the StatefulSet or Deployment, such as a Kueue queue name.
   * Default: none.
   */
  private @Nullable Map<String, String> labels;

  /** Further annotations of the pods. Default: none. */
  private @Nullable Map<String, String> annotations;

  public @Nullable ResourceRequirements getResources() {
    return resources;
  }

  public void setResources(@Nullable ResourceRequirements resources) {
    this.resources = resources;
  }

  public @Nullable Map<String, String> getNodeSelector() {
    return nodeSelector;
  }

  public void setNodeSelector(@Nullable Map<String, String> nodeSelector) {
    this.nodeSelector = nodeSelector;
  }

  public @Nullable Affinity getAffinity() {
    return affinity;
  }

  public void setAffinity(@Nullable Affinity affinity) {
    this.affinity = affinity;
  }

  public @Nullable List<Toleration> getTolerations() {
    return tolerations;
  }

  public void setTolerations(@Nullable List<Toleration> tolerations) {
    this.tolerations = tolerations;
  }

  public @Nullable List<TopologySpreadConstraint> getTopologySpread() {
    return topologySpread;
  }

  public void setTopologySpread(@Nullable List<TopologySpreadConstraint> topologySpread) {
    this.topologySpread = topologySpread;
  }

  public @Nullable String getRuntimeClass() {
    return runtimeClass;
  }

  public void setRuntimeClass(@Nullable String runtimeClass) {
    this.runtimeClass = runtimeClass;
  }

  public @Nullable String getPriorityClass() {
    return priorityClass;
  }

  public void setPriorityClass(@Nullable String priorityClass) {
    this.priorityClass = priorityClass;
  }

  public @Nullable String getImage() {
    return image;
  }

  public void setImage(@Nullable String image) {
    this.image = image;
  }

  public @Nullable ImagePullPolicy getImagePullPolicy() {
    return imagePullPolicy;
  }

  public void setImagePullPolicy(@Nullable ImagePullPolicy imagePullPolicy) {
    this.imagePullPolicy = imagePullPolicy;
  }

  public @Nullable List<EnvVar> getEnv() {
    return env;
  }

  public void setEnv(@Nullable List<EnvVar> env) {
    this.env = env;
  }

  public @Nullable List<Volume> getVolumes() {
    return volumes;
  }

  public void setVolumes(@Nullable List<Volume> volumes) {
    this.volumes = volumes;
  }

  public @Nullable List<VolumeMount> getVolumeMounts() {
    return volumeMounts;
  }

  public void setVolumeMounts(@Nullable List<VolumeMount> volumeMounts) {
    this.volumeMounts = volumeMounts;
  }

  public @Nullable Map<String, String> getLabels() {
    return labels;
  }

  public void setLabels(@Nullable Map<String, String> labels) {
    this.labels = labels;
  }

  public @Nullable Map<String, String> getAnnotations() {
    return annotations;
  }

  public void setAnnotations(@Nullable Map<String, String> annotations) {
    this.annotations = annotations;
  }
}
