// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The Service in front of the head. */
public class ServiceSpec {
  /** ClusterIP, NodePort or LoadBalancer. Default ClusterIP. */
  private @Nullable ServiceType type;

  /** The port clients connect to, 1 to 65535. Default 8080, in local mode too. */
  private @Nullable Integer port;

  /** Further annotations, as load balancers read them. Default: none. */
  private @Nullable Map<String, String> annotations;

  public @Nullable ServiceType getType() {
    return type;
  }

  public void setType(@Nullable ServiceType type) {
    this.type = type;
  }

  public @Nullable Integer getPort() {
    return port;
  }

  public void setPort(@Nullable Integer port) {
    this.port = port;
  }

  public @Nullable Map<String, String> getAnnotations() {
    return annotations;
  }

  public void setAnnotations(@Nullable Map<String, String> annotations) {
    this.annotations = annotations;
  }
}
