// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
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
 * @param headImage the head's program
 * @param serverImage what serves
 * @param workerImages workers, by the name of their backend
 * @param pullPolicy when images are pulled; Kubernetes' rule for the tag when absent
 * @param pullSecrets Secrets of the cluster's namespace with which images are pulled
 * @param caBundleConfigMap a ConfigMap of the cluster's namespace with authorities to trust when a
 *     model is fetched
 * @param proxy environment variables of what fetches models
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record Release(
    String headImage,
    String serverImage,
    Map<String, String> workerImages,
    @Nullable String pullPolicy,
    List<String> pullSecrets,
    @Nullable String caBundleConfigMap,
    Map<String, String> proxy) {
  // What a later operator wrote is read as far as it is understood, for a way back.
  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  /** Absent collections are empty. */
  public Release {
    workerImages = workerImages == null ? Map.of() : new TreeMap<>(workerImages);
    pullSecrets = pullSecrets == null ? List.of() : List.copyOf(pullSecrets);
    proxy = proxy == null ? Map.of() : new TreeMap<>(proxy);
  }

  /** The release of this operator. */
  public static Release of(OperatorConfig config) {
    var workers = new TreeMap<String, String>();
    for (var backend : Backend.values()) {
      config.images().worker(backend).ifPresent(image -> workers.put(backend.value(), image));
    }
    var proxy = new TreeMap<String, String>();
    config.httpProxy().ifPresent(value -> proxy.put("HTTP_PROXY", value));
    config.httpsProxy().ifPresent(value -> proxy.put("HTTPS_PROXY", value));
    config.noProxy().ifPresent(value -> proxy.put("NO_PROXY", value));
    return new Release(
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

  /** This release as the JSON that {@link #fromJson} takes. */
  public String toJson() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A release cannot be written as JSON", e);
    }
  }

  /** Reads a release; empty when it is not understood. */
  public static Optional<Release> fromJson(String json) {
    try {
      return Optional.of(JSON.readValue(json, Release.class));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }
}
