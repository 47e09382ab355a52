// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import dev.knarr.api.v1alpha1.Backend;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithName;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How the operator is set up, by its chart: {@code KNARR_OPERATOR_…} in the environment. */
@ConfigMapping(prefix = "knarr.operator")
public interface OperatorConfig {
  /** The images that clusters run. */
  Images images();

  /**
   * When images are pulled: Always, IfNotPresent or Never; Kubernetes' rule for the tag when empty.
   */
  Optional<String> imagePullPolicy();

  /** Secrets of the cluster's namespace with which images are pulled. */
  Optional<List<String>> imagePullSecrets();

  /**
   * A ConfigMap of the cluster's namespace whose {@code ca.crt} holds the authorities to trust when
   * a model is fetched, beside those everybody trusts.
   */
  Optional<String> caBundleConfigMap();

  /** The proxy for http, as in HTTP_PROXY. */
  Optional<String> httpProxy();

  /** The proxy for https, as in HTTPS_PROXY. */
  Optional<String> httpsProxy();

  /** What is reached without a proxy, as in NO_PROXY. */
  Optional<String> noProxy();

  /** After how long on a node that does not answer a pod is deleted by force; zero is never. */
  @WithDefault("300s")
  Duration nodeLost();

  /** The namespace the operator runs in. */
  @WithDefault("knarr-system")
  String namespace();

  /** Labels of the namespaces that Prometheus runs in, as KEY=VALUE; all namespaces when empty. */
  Optional<List<String>> monitoringNamespaceLabels();

  /** Certificates between head and workers. */
  Tls tls();

  /** Images, each a full reference. */
  interface Images {
    /** The head's program, copied into the server's pod. */
    String head();

    /** The program that serves. */
    String server();

    /** Workers on the CPU. */
    @WithName("worker-cpu")
    Optional<String> workerCpu();

    /** Workers with CUDA. */
    @WithName("worker-cuda")
    Optional<String> workerCuda();

    /** Workers with ROCm. */
    @WithName("worker-rocm")
    Optional<String> workerRocm();

    /** Workers with Vulkan. */
    @WithName("worker-vulkan")
    Optional<String> workerVulkan();

    /** The image of a backend's workers; none when a group must name its own. */
    default Optional<String> worker(Backend backend) {
      return switch (backend) {
        case CPU -> workerCpu();
        case CUDA -> workerCuda();
        case ROCM -> workerRocm();
        case VULKAN -> workerVulkan();
      };
    }
  }

  /** Lifetimes of what the operator makes; each is renewed after two thirds. */
  interface Tls {
    /** Of a cluster's authority. */
    @WithDefault("365d")
    Duration caLifetime();

    /** Of a certificate. */
    @WithDefault("90d")
    Duration leafLifetime();

    /** How long it may take until all pods have a changed Secret. */
    @WithDefault("150s")
    Duration propagation();
  }
}
