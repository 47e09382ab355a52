// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import dev.knarr.api.v1alpha1.InferenceCluster;
import java.util.List;
import java.util.Optional;

/**
 * The names of everything that belongs to one cluster. Immutable.
 *
 * @param cluster the InferenceCluster's name, at most 30 characters
 * @param namespace where it lives, with all that belongs to it
 */
public record ClusterNames(String cluster, String namespace) {
  /** The CA in a Secret of certificates. */
  public static final String CA_CERTIFICATE = "ca.crt";

  /** The names of a cluster. */
  public static ClusterNames of(InferenceCluster cluster) {
    return new ClusterNames(cluster.getMetadata().getName(), cluster.getMetadata().getNamespace());
  }

  /** The head's Deployment, ConfigMap and NetworkPolicy. */
  public String head() {
    return cluster + "-head";
  }

  /** The Service that clients connect to. */
  public String endpoint() {
    return cluster;
  }

  /** The PodDisruptionBudget over head and workers. */
  public String disruptionBudget() {
    return cluster;
  }

  /** The PodMonitor over head and workers. */
  public String podMonitor() {
    return cluster;
  }

  /** The NetworkPolicy of the workers. */
  public String workersPolicy() {
    return cluster + "-workers";
  }

  /** A group's StatefulSet and headless Service. */
  public String group(String group) {
    return cluster + "-" + group;
  }

  /** The model's claim, ConfigMap and NetworkPolicy. */
  public String model() {
    return cluster + "-model";
  }

  /**
   * The Job that fetches or checks the model.
   *
   * @param hash eight hexadecimal digits of what it does
   */
  public String modelJob(String hash) {
    return model() + "-" + hash;
  }

  /** The Secret of the authority, which no pod mounts. */
  public String authoritySecret() {
    return cluster + "-ca";
  }

  /** The Secret of the certificates that pods mount, each its own two entries. */
  public String certificatesSecret() {
    return cluster + "-tls";
  }

  /** The entry of a part's certificate; the part is {@code head} or a group. */
  public static String certificate(String part) {
    return part + ".crt";
  }

  /** The entry of a part's key; the part is {@code head} or a group. */
  public static String key(String part) {
    return part + ".key";
  }

  /** The pod of a worker: {@code glm-a100-0} of {@code a100-0}. */
  public String pod(String worker) {
    return cluster + "-" + worker;
  }

  /** The worker of a pod, when the pod is named like one: {@code a100-0} of {@code glm-a100-0}. */
  public Optional<String> worker(String pod) {
    var prefix = cluster + "-";
    return pod.startsWith(prefix) ? Optional.of(pod.substring(prefix.length())) : Optional.empty();
  }

  /** The name at which head and fellow workers reach a worker, whether its pod is ready or not. */
  public String workerHost(String group, int index) {
    return "%s-%d.%s".formatted(group(group), index, groupHost(group));
  }

  /** What the certificate of a group is made out to: the names of all its workers. */
  public List<String> workerHosts(String group) {
    return List.of("*." + groupHost(group), groupHost(group));
  }

  /** The headless Service of a group. */
  private String groupHost(String group) {
    return "%s.%s.svc".formatted(group(group), namespace);
  }

  /** The name at which clients reach the endpoint. */
  public String endpointHost() {
    return "%s.%s.svc".formatted(endpoint(), namespace);
  }
}
