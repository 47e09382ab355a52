// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Kinds of Service. */
public enum ServiceType {
  /** Inside the cluster. */
  @JsonProperty("ClusterIP")
  CLUSTER_IP("ClusterIP"),
  /** On a port of every node. */
  @JsonProperty("NodePort")
  NODE_PORT("NodePort"),
  /** By the provider's load balancer. */
  @JsonProperty("LoadBalancer")
  LOAD_BALANCER("LoadBalancer");

  private final String value;

  ServiceType(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
