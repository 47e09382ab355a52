// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.FlashAttentionMode;
import dev.knarr.api.v1alpha1.OutputPlacement;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.SplitMode;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.Identity;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.PodPaths;
import dev.knarr.operator.Ports;
import dev.knarr.operator.dependent.ModelFiles.ModelFile;
import dev.knarr.plan.FlashAttention;
import dev.knarr.plan.OutputPlace;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.KeyToPath;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** The head's pod and what it is told. Pure functions. */
final class HeadPod {
  private static final String CONFIG_FILE = "head.json";

  /** From the signal until llama-server, the head and its sockets are gone, after the answers. */
  private static final int STOP_SECONDS = 45;

  private static final String CONFIG_VOLUME = "knarr-config";
  private static final String PROGRAM_VOLUME = "knarr";
  private static final String API_KEY_VOLUME = "knarr-api-key";
  private static final String API_KEY_FILE = "keys";
  private static final String ALL_ADDRESSES = "0.0.0.0";

  private HeadPod() {}

  /** The template, with the revision of all that the pod is told. */
  static PodTemplateSpec template(Blueprint blueprint) {
    var template = unnamed(blueprint);
    var revision = revision(blueprint, template);
    template.getMetadata().getAnnotations().put(Labels.REVISION, revision);
    // A container that starts again while the spec changes reads what its own revision was told.
    template.getSpec().getVolumes().stream()
        .filter(volume -> volume.getName().equals(CONFIG_VOLUME))
        .forEach(
            volume ->
                volume
                    .getConfigMap()
                    .setItems(List.of(new KeyToPath(configKey(revision), null, CONFIG_FILE))));
    return template;
  }

  /** The entry of the ConfigMap with what the head of a revision is told. */
  static String configKey(String revision) {
    return "head-%s.json".formatted(revision);
  }

  /** What the head is told. */
  static HeadConfig config(Blueprint blueprint) {
    return config(blueprint, revision(blueprint));
  }

  static String revision(Blueprint blueprint) {
    return revision(blueprint, unnamed(blueprint));
  }

  /** Changes with everything that a running head would have to be restarted for. */
  private static String revision(Blueprint blueprint, PodTemplateSpec template) {
    return Fingerprint.of(
        List.of(
            template,
            config(blueprint, "none").toJson(),
            ModelFiles.of(blueprint).fetchedByHead() ? FetchPod.config(blueprint).toJson() : ""));
  }

  /** What the head of this revision is told. */
  static HeadConfig config(Blueprint blueprint, String revision) {
    var spec = blueprint.spec();
    var files = ModelFiles.of(blueprint);
    return new HeadConfig(
        new Identity(blueprint.cluster().getMetadata().getUid(), revision),
        new HeadConfig.Model(
            spec.model().name(),
            Path.of(files.file("model").orElseThrow().path()),
            files.file("draft").map(HeadPod::path).orElse(null),
            files.file("projector").map(HeadPod::path).orElse(null)),
        new HeadConfig.Context(
            spec.model().contextLength(),
            spec.model().parallelSequences(),
            spec.model().keyType().value(),
            spec.model().valueType().value(),
            flashAttention(spec.model().flashAttention())),
        workers(blueprint),
        PodParts.encrypted(blueprint)
            ? new HeadConfig.Tls(
                Path.of(PodPaths.TLS, "ca.crt"),
                Path.of(PodPaths.TLS, "tls.crt"),
                Path.of(PodPaths.TLS, "tls.key"))
            : null,
        split(spec.split()),
        new HeadConfig.LlamaServer(Path.of("llama-server"), spec.head().args(), 0),
        new HeadConfig.Http(ALL_ADDRESSES, Ports.HTTP),
        new HeadConfig.Management(ALL_ADDRESSES, Ports.MANAGEMENT),
        spec.head().apiKeySecret().isPresent() ? Path.of(PodPaths.API_KEY, API_KEY_FILE) : null,
        spec.head().drainSeconds(),
        // Pods may wait for nodes, quota or a queue for hours, and the operator says so.
        HeadConfig.Limits.patient(spec.replanAfterSeconds(), 0));
  }

  private static Path path(ModelFile file) {
    return Path.of(file.path());
  }

  private static List<HeadConfig.Worker> workers(Blueprint blueprint) {
    var names = blueprint.names();
    return blueprint.spec().workers().stream()
        .flatMap(
            group ->
                IntStream.range(0, group.replicas())
                    .mapToObj(
                        index ->
                            new HeadConfig.Worker(
                                group.workerNames().get(index),
                                names.workerHost(group.name(), index) + ":" + Ports.RPC)))
        .toList();
  }

  private static HeadConfig.Split split(ResolvedSpec.Split split) {
    return new HeadConfig.Split(
        split.mode() == SplitMode.TENSOR ? HeadConfig.SplitMode.TENSOR : HeadConfig.SplitMode.LAYER,
        split.devices().stream()
            .map(device -> HeadConfig.SplitDevice.of(device.name(), device.layers()))
            .toList(),
        null,
        output(split.output()));
  }

  private static OutputPlace output(OutputPlacement output) {
    return switch (output) {
      case AUTO -> OutputPlace.AUTO;
      case LAYERS -> OutputPlace.LAYERS;
      case HEAD -> OutputPlace.HEAD;
    };
  }

  private static FlashAttention flashAttention(FlashAttentionMode mode) {
    return switch (mode) {
      case AUTO -> FlashAttention.AUTO;
      case ENABLED -> FlashAttention.ON;
      case DISABLED -> FlashAttention.OFF;
    };
  }

  private static PodTemplateSpec unnamed(Blueprint blueprint) {
    var cluster = blueprint.names().cluster();
    var head = blueprint.spec().head();
    var init = new ArrayList<Container>();
    init.add(install(blueprint));
    if (ModelFiles.of(blueprint).fetchedByHead()) {
      init.add(FetchPod.container(blueprint, PodParts.compute(head.spec())));
    }
    return PodParts.template(
        blueprint,
        Labels.of(cluster, Component.HEAD),
        Labels.selector(cluster, Component.HEAD),
        head.spec(),
        new PodSpecBuilder()
            .withInitContainers(init)
            .withContainers(container(blueprint))
            .withVolumes(volumes(blueprint))
            .withTerminationGracePeriodSeconds((long) head.drainSeconds() + STOP_SECONDS)
            .build());
  }

  /** Copies the program into the pod, since the image that serves may be anybody's. */
  private static Container install(Blueprint blueprint) {
    return new ContainerBuilder()
        .withName("install")
        .withImage(blueprint.release().headImage())
        .withImagePullPolicy(blueprint.release().pullPolicy())
        .withCommand(PodPaths.KNARR)
        .withArgs("install", PodPaths.INSTALLED)
        .withEnv(PodParts.commonEnv())
        .withResources(PodParts.compute(blueprint.spec().head().spec()))
        .withTerminationMessagePolicy("FallbackToLogsOnError")
        .withSecurityContext(PodParts.security())
        .withVolumeMounts(PodParts.tmpMount(), PodParts.mount(PROGRAM_VOLUME, PodPaths.INSTALLED))
        .build();
  }

  private static Container container(Blueprint blueprint) {
    var head = blueprint.spec().head();
    var container =
        new ContainerBuilder()
            .withName("head")
            .withImage(PodParts.or(head.spec().getImage(), blueprint.release().serverImage()))
            .withImagePullPolicy(PodParts.pullPolicy(blueprint, head.spec()))
            .withCommand(PodPaths.INSTALLED_KNARR)
            .withArgs("head", "--config", PodPaths.HEAD_CONFIG + "/" + CONFIG_FILE)
            .withEnv(PodParts.env(PodParts.commonEnv(), head.spec().getEnv()))
            .withPorts(PodParts.port("http", Ports.HTTP), PodParts.managementPort())
            .withResources(PodParts.resources(head.spec(), head.devices()))
            .withTerminationMessagePolicy("FallbackToLogsOnError")
            .withSecurityContext(PodParts.security())
            // Loading may take hours and is watched by the head itself, so alive is enough here.
            .withStartupProbe(PodParts.probe("live", 2, 60))
            .withLivenessProbe(PodParts.probe("live", 10, 6))
            .withReadinessProbe(PodParts.probe("ready", 2, 2))
            .withVolumeMounts(mounts(blueprint))
            .build();
    container.setVolumeMounts(PodParts.mounts(container, head.spec()));
    return container;
  }

  private static List<VolumeMount> mounts(Blueprint blueprint) {
    var mounts = new ArrayList<VolumeMount>();
    mounts.add(PodParts.tmpMount());
    mounts.add(PodParts.readOnly(PROGRAM_VOLUME, PodPaths.INSTALLED));
    mounts.add(PodParts.readOnly(CONFIG_VOLUME, PodPaths.HEAD_CONFIG));
    if (PodParts.encrypted(blueprint)) {
      mounts.add(PodParts.readOnly(PodParts.TLS_VOLUME, PodPaths.TLS));
    }
    if (blueprint.spec().head().apiKeySecret().isPresent()) {
      mounts.add(PodParts.readOnly(API_KEY_VOLUME, PodPaths.API_KEY));
    }
    mounts.addAll(ModelFiles.of(blueprint).mounts(false));
    return mounts;
  }

  private static List<Volume> volumes(Blueprint blueprint) {
    var files = ModelFiles.of(blueprint);
    var volumes = new ArrayList<Volume>();
    volumes.add(PodParts.tmp());
    volumes.add(PodParts.emptyDir(PROGRAM_VOLUME));
    volumes.add(PodParts.configMap(CONFIG_VOLUME, blueprint.names().head()));
    PodParts.tls(blueprint, "head").ifPresent(volumes::add);
    blueprint
        .spec()
        .head()
        .apiKeySecret()
        .ifPresent(
            secret -> volumes.add(PodParts.secretFile(API_KEY_VOLUME, secret, API_KEY_FILE)));
    if (files.fetchedByHead()) {
      volumes.addAll(FetchPod.volumes(blueprint));
    }
    volumes.addAll(files.volumes(blueprint));
    return volumes;
  }

  /** The names that the user's volumes cannot have. */
  static List<String> volumeNames(Blueprint blueprint) {
    return volumes(blueprint).stream().map(Volume::getName).toList();
  }
}
