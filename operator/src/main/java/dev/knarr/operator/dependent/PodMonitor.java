// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The kind of the Prometheus operator, as far as it is written here. */
@Group(PodMonitor.GROUP)
@Version(PodMonitor.VERSION)
public class PodMonitor extends CustomResource<PodMonitor.Spec, Void> implements Namespaced {
  static final String GROUP = "monitoring.coreos.com";
  static final String VERSION = "v1";
  private static final long serialVersionUID = 1L;

  /** What is read of which pods. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public static class Spec {
    private @Nullable LabelSelector selector;
    private @Nullable List<String> podTargetLabels;
    private @Nullable List<Endpoint> podMetricsEndpoints;

    /** The pods. */
    public @Nullable LabelSelector getSelector() {
      return selector;
    }

    public void setSelector(@Nullable LabelSelector selector) {
      this.selector = selector;
    }

    /** Labels of pods that metrics get. */
    public @Nullable List<String> getPodTargetLabels() {
      return podTargetLabels;
    }

    public void setPodTargetLabels(@Nullable List<String> podTargetLabels) {
      this.podTargetLabels = podTargetLabels;
    }

    /** Where metrics are. */
    public @Nullable List<Endpoint> getPodMetricsEndpoints() {
      return podMetricsEndpoints;
    }

    public void setPodMetricsEndpoints(@Nullable List<Endpoint> podMetricsEndpoints) {
      this.podMetricsEndpoints = podMetricsEndpoints;
    }
  }

  /** Where metrics are. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public static class Endpoint {
    private @Nullable String port;
    private @Nullable String path;

    /** The name of a container's port. */
    public @Nullable String getPort() {
      return port;
    }

    public void setPort(@Nullable String port) {
      this.port = port;
    }

    /** The path of the metrics. */
    public @Nullable String getPath() {
      return path;
    }

    public void setPath(@Nullable String path) {
      this.path = path;
    }
  }
}
