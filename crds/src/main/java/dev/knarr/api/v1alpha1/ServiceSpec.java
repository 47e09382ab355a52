// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The Service in front of the head. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class ServiceSpec {
  /** ClusterIP, NodePort or LoadBalancer. Default ClusterIP. */
  @Default("ClusterIP")
  private @Nullable ServiceType type;

  /** The port clients connect to, 1 to 65535. Default 8080, in local mode too. */
  @Default("8080")
  @ValidationRule(value = "self >= 1 && self <= 65535", message = Sentences.PORT)
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
