// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ResolvedSpec.Source;
import dev.knarr.head.api.FetchConfig;
import dev.knarr.head.api.Identity;
import dev.knarr.operator.PodPaths;
import dev.knarr.operator.Ports;
import dev.knarr.operator.dependent.ModelFiles.ModelFile;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What brings and checks a cluster's models: in a Job, or before the head. Pure functions. */
final class FetchPod {
  static final String CONFIG_FILE = "fetch.json";
  private static final String CONFIG_VOLUME = "knarr-fetch";
  private static final String CA_VOLUME = "knarr-ca-bundle";

  private FetchPod() {}

  /** What to bring, with its own fingerprint as the revision it says it works for. */
  static FetchConfig config(Blueprint blueprint) {
    var uid = blueprint.cluster().getMetadata().getUid();
    var unnamed = config(blueprint, new Identity(uid, "none"));
    return config(blueprint, new Identity(uid, Fingerprint.of(unnamed.toJson())));
  }

  private static FetchConfig config(Blueprint blueprint, Identity identity) {
    return new FetchConfig(
        identity,
        ModelFiles.of(blueprint).files().stream().map(FetchPod::item).toList(),
        blueprint.release().caBundleConfigMap() == null
            ? null
            : Path.of(PodPaths.CA_BUNDLE, "ca.crt"));
  }

  private static FetchConfig.Item item(ModelFile file) {
    var path = Path.of(file.path());
    var source =
        switch (file.source()) {
          case Source.Http http ->
              FetchConfig.Source.of(
                  new FetchConfig.Http(
                      URI.create(http.url()),
                      http.sha256(),
                      http.headersSecret().isPresent()
                          ? Path.of(PodPaths.headers(file.name()))
                          : null));
          case Source.HuggingFace face ->
              FetchConfig.Source.of(
                  new FetchConfig.HuggingFace(
                      face.repo(),
                      face.file(),
                      face.revision(),
                      face.endpoint().map(URI::create).orElse(null),
                      face.sha256().orElse(null),
                      face.tokenSecret().isPresent()
                          ? Path.of(PodPaths.token(file.name()), "token")
                          : null));
          case Source.Claim _, Source.HostPath _, Source.Image _, Source.LocalPath _ ->
              FetchConfig.Source.of(path);
        };
    return new FetchConfig.Item(file.name(), source, file.fetched() ? path : null);
  }

  /** The container that brings the models. */
  static Container container(Blueprint blueprint, ResourceRequirements resources) {
    var env = new ArrayList<EnvVar>(PodParts.commonEnv());
    blueprint.release().proxy().forEach((name, value) -> env.add(PodParts.variable(name, value)));
    return new ContainerBuilder()
        .withName("fetch")
        .withImage(blueprint.release().headImage())
        .withImagePullPolicy(blueprint.release().pullPolicy())
        .withCommand(PodPaths.KNARR)
        .withArgs("fetch", "--config", PodPaths.FETCH_CONFIG + "/" + CONFIG_FILE)
        .withEnv(env)
        // Not the name by which metrics are found: it has none.
        .withPorts(PodParts.port("status", Ports.MANAGEMENT))
        .withResources(resources)
        .withTerminationMessagePolicy("FallbackToLogsOnError")
        .withSecurityContext(PodParts.security())
        .withVolumeMounts(mounts(blueprint))
        .build();
  }

  private static List<VolumeMount> mounts(Blueprint blueprint) {
    var files = ModelFiles.of(blueprint);
    var mounts = new ArrayList<VolumeMount>();
    mounts.add(PodParts.tmpMount());
    mounts.add(PodParts.readOnly(CONFIG_VOLUME, PodPaths.FETCH_CONFIG));
    if (blueprint.release().caBundleConfigMap() != null) {
      mounts.add(PodParts.readOnly(CA_VOLUME, PodPaths.CA_BUNDLE));
    }
    for (var file : files.files()) {
      secret(file)
          .ifPresent(
              volume ->
                  mounts.add(
                      PodParts.readOnly(
                          volume.getName(),
                          file.source() instanceof Source.Http
                              ? PodPaths.headers(file.name())
                              : PodPaths.token(file.name()))));
    }
    mounts.addAll(files.mounts(true));
    return mounts;
  }

  /** Volumes of this container alone: those of the models are the pod's. */
  static List<Volume> volumes(Blueprint blueprint) {
    var volumes = new ArrayList<Volume>();
    volumes.add(PodParts.configMap(CONFIG_VOLUME, blueprint.names().model()));
    var bundle = blueprint.release().caBundleConfigMap();
    if (bundle != null) {
      volumes.add(PodParts.configMap(CA_VOLUME, bundle));
    }
    ModelFiles.of(blueprint).files().forEach(file -> secret(file).ifPresent(volumes::add));
    return volumes;
  }

  private static Optional<Volume> secret(ModelFile file) {
    return switch (file.source()) {
      case Source.Http http ->
          http.headersSecret()
              .map(name -> PodParts.secretFolder("knarr-headers-" + file.name(), name));
      case Source.HuggingFace face ->
          face.tokenSecret()
              .map(secret -> PodParts.secretFile("knarr-token-" + file.name(), secret, "token"));
      case Source.Claim _, Source.HostPath _, Source.Image _, Source.LocalPath _ ->
          Optional.empty();
    };
  }
}
