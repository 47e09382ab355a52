// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import dev.knarr.api.v1alpha1.Backend;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What of the operator's own setup goes into pods. A cluster keeps the release it was built with
 * until its spec changes, so that a new operator restarts no running model. Immutable.
 *
 * @param version the operator's version
 * @param headImage the head's program
 * @param serverImage what serves
 * @param workerImages workers, by the name of their backend
 * @param pullPolicy when images are pulled; Kubernetes' rule for the tag when absent
 * @param pullSecrets Secrets of the cluster's namespace with which images are pulled
 * @param caBundleConfigMap a ConfigMap of the cluster's namespace with authorities to trust when a
 *     model is fetched
 * @param proxy environment variables of what fetches models
 */
public record Release(
    String version,
    String headImage,
    String serverImage,
    Map<String, String> workerImages,
    @Nullable String pullPolicy,
    List<String> pullSecrets,
    @Nullable String caBundleConfigMap,
    Map<String, String> proxy) {
  /** Absent collections are empty. */
  public Release {
    workerImages = workerImages == null ? Map.of() : new TreeMap<>(workerImages);
    pullSecrets = pullSecrets == null ? List.of() : List.copyOf(pullSecrets);
    proxy = proxy == null ? Map.of() : new TreeMap<>(proxy);
  }

  /** The release of an operator of this version and setup. */
  public static Release of(OperatorConfig config, String version) {
    var workers = new TreeMap<String, String>();
    for (var backend : Backend.values()) {
      config.images().worker(backend).ifPresent(image -> workers.put(backend.value(), image));
    }
    var proxy = new TreeMap<String, String>();
    config.httpProxy().ifPresent(value -> proxy.put("HTTP_PROXY", value));
    config.httpsProxy().ifPresent(value -> proxy.put("HTTPS_PROXY", value));
    config.noProxy().ifPresent(value -> proxy.put("NO_PROXY", value));
    return new Release(
        version,
        config.images().head(),
        config.images().server(),
        workers,
        config.imagePullPolicy().orElse(null),
        config.imagePullSecrets().orElse(List.of()),
        config.caBundleConfigMap().orElse(null),
        proxy);
  }

  /** The image of a backend's workers; none when a group must name its own. */
  public Optional<String> workerImage(Backend backend) {
    return Optional.ofNullable(workerImages.get(backend.value()));
  }
}
