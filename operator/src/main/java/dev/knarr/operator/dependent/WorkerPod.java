// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.Backend;
import dev.knarr.api.v1alpha1.ClaimTemplate;
import dev.knarr.api.v1alpha1.EmptyDirStorage;
import dev.knarr.api.v1alpha1.ResolvedSpec.Group;
import dev.knarr.api.v1alpha1.TensorCacheSpec;
import dev.knarr.operator.Labels;
import dev.knarr.operator.PodPaths;
import dev.knarr.operator.Ports;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.PodResourceClaim;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceClaim;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** The pods of a group of workers. Pure functions. */
final class WorkerPod {
  /** A claim of it is named after this and the pod: {@code tensor-cache-glm-a100-0}. */
  static final String CACHE_VOLUME = "tensor-cache";

  private static final long STOP_SECONDS = 45;

  /** What a worker takes beside its buffers: the JVM, and graphs of its device. */
  private static final long RESERVE_BYTES = 1L << 30;

  private WorkerPod() {}

  /** The template, with its revision. */
  static PodTemplateSpec template(Blueprint blueprint, Group group) {
    var cluster = blueprint.names().cluster();
    var template =
        PodParts.template(
            blueprint,
            Labels.ofGroup(cluster, group.name()),
            Labels.groupSelector(cluster, group.name()),
            group.spec(),
            new PodSpecBuilder()
                .withContainers(container(blueprint, group))
                .withVolumes(volumes(blueprint, group))
                .withResourceClaims(claims(group))
                .withTerminationGracePeriodSeconds(STOP_SECONDS)
                .build());
    template.getMetadata().getAnnotations().put(Labels.REVISION, Fingerprint.of(template));
    return template;
  }

  private static Container container(Blueprint blueprint, Group group) {
    var container =
        new ContainerBuilder()
            .withName("worker")
            .withImage(image(blueprint, group))
            .withImagePullPolicy(PodParts.pullPolicy(blueprint, group.spec()))
            .withCommand(PodPaths.KNARR)
            .withArgs(arguments(blueprint, group))
            .withEnv(PodParts.env(PodParts.commonEnv(), group.spec().getEnv()))
            .withPorts(PodParts.port("rpc", Ports.RPC), PodParts.managementPort())
            .withResources(resources(group))
            .withTerminationMessagePolicy("FallbackToLogsOnError")
            .withSecurityContext(PodParts.security())
            // Devices may take minutes to open the first time, when kernels are compiled for them.
            .withStartupProbe(PodParts.probe("live", 2, 150))
            .withLivenessProbe(PodParts.probe("live", 10, 6))
            .withReadinessProbe(PodParts.probe("ready", 5, 2))
            .withVolumeMounts(mounts(blueprint))
            .build();
    container.setVolumeMounts(PodParts.mounts(container, group.spec()));
    return container;
  }

  private static String image(Blueprint blueprint, Group group) {
    return Optional.ofNullable(group.spec().getImage())
        .or(() -> blueprint.release().workerImage(group.backend()))
        .orElseThrow(() -> new IllegalStateException("Group without image: " + group.name()));
  }

  private static List<String> arguments(Blueprint blueprint, Group group) {
    var arguments =
        new ArrayList<>(
            List.of(
                "worker",
                "--host",
                "0.0.0.0",
                "--port",
                String.valueOf(Ports.RPC),
                "--management-port",
                String.valueOf(Ports.MANAGEMENT)));
    memoryLimit(group)
        .ifPresent(bytes -> arguments.addAll(List.of("--memory-limit", String.valueOf(bytes))));
    arguments.addAll(
        List.of("--cache-dir", PodPaths.CACHE, "--cache-size", String.valueOf(cacheBudget(group))));
    for (var seed : ModelFiles.of(blueprint).seeds(blueprint)) {
      arguments.addAll(List.of("--seed", seed.path()));
    }
    if (PodParts.encrypted(blueprint)) {
      arguments.addAll(
          List.of(
              "--tls-cert",
              PodPaths.TLS + "/tls.crt",
              "--tls-key",
              PodPaths.TLS + "/tls.key",
              "--tls-client-ca",
              PodPaths.TLS + "/ca.crt"));
    }
    return arguments;
  }

  /**
   * What a worker may hand out in buffers: its memory limit without 1 GiB for itself, or half of
   * the limit where that is less, and without a cache that is kept in memory. Only on the CPU: the
   * memory of a GPU is not what the container's limit counts.
   */
  static OptionalLong memoryLimit(Group group) {
    if (group.backend() != Backend.CPU || group.memoryLimitBytes().isEmpty()) {
      return OptionalLong.empty();
    }
    long limit = group.memoryLimitBytes().getAsLong();
    long own = Math.min(RESERVE_BYTES, limit / 2);
    long cached = "Memory".equals(emptyDir(group).getMedium()) ? cacheBudget(group) : 0;
    return OptionalLong.of(Math.max(1, limit - own - cached));
  }

  /**
   * What the cache may take. A tenth of a volume of limited size stays free, for the file system's
   * own needs and for what is being written.
   */
  static long cacheBudget(Group group) {
    var cache = cache(group);
    if (cache.getClaim() != null) {
      return withoutTenth(group.cacheBytes());
    }
    var sizeLimit = emptyDir(group).getSizeLimit();
    return sizeLimit == null
        ? group.cacheBytes()
        : Math.min(group.cacheBytes(), withoutTenth(bytes(sizeLimit)));
  }

  private static long withoutTenth(long bytes) {
    return Math.max(1, bytes - bytes / 10);
  }

  private static long bytes(Quantity quantity) {
    return quantity.getNumericalAmount().longValue();
  }

  private static TensorCacheSpec cache(Group group) {
    return PodParts.or(group.spec().getTensorCache(), new TensorCacheSpec());
  }

  private static EmptyDirStorage emptyDir(Group group) {
    return PodParts.or(cache(group).getEmptyDir(), new EmptyDirStorage());
  }

  private static ResourceRequirements resources(Group group) {
    var resources = PodParts.resources(group.spec(), group.devices());
    var claims = claims(group);
    return claims.isEmpty()
        ? resources
        : new ResourceRequirementsBuilder(resources)
            .withClaims(
                claims.stream().map(claim -> new ResourceClaim(claim.getName(), null)).toList())
            .build();
  }

  private static List<PodResourceClaim> claims(Group group) {
    return PodParts.or(group.spec().getResourceClaims(), List.of());
  }

  private static List<VolumeMount> mounts(Blueprint blueprint) {
    var mounts = new ArrayList<VolumeMount>();
    mounts.add(PodParts.tmpMount());
    mounts.add(PodParts.mount(CACHE_VOLUME, PodPaths.CACHE));
    if (PodParts.encrypted(blueprint)) {
      mounts.add(PodParts.readOnly(PodParts.TLS_VOLUME, PodPaths.TLS));
    }
    mounts.addAll(ModelFiles.of(blueprint).seedMounts(blueprint));
    return mounts;
  }

  private static List<Volume> volumes(Blueprint blueprint, Group group) {
    var volumes = new ArrayList<Volume>();
    volumes.add(PodParts.tmp());
    cacheVolume(group).ifPresent(volumes::add);
    PodParts.tls(blueprint, group.name()).ifPresent(volumes::add);
    volumes.addAll(ModelFiles.of(blueprint).seedVolumes(blueprint));
    return volumes;
  }

  /** The names that the user's volumes cannot have. */
  static List<String> volumeNames(Blueprint blueprint, Group group) {
    var names = new ArrayList<>(volumes(blueprint, group).stream().map(Volume::getName).toList());
    names.add(CACHE_VOLUME);
    return names;
  }

  private static Optional<Volume> cacheVolume(Group group) {
    var cache = cache(group);
    var volume = new VolumeBuilder().withName(CACHE_VOLUME);
    if (cache.getClaim() != null) {
      return Optional.empty();
    }
    if (cache.getHostPath() != null) {
      return Optional.of(
          volume
              .withNewHostPath()
              .withPath(cache.getHostPath().getPath())
              .withType("Directory")
              .endHostPath()
              .build());
    }
    var emptyDir = emptyDir(group);
    return Optional.of(
        volume
            .withNewEmptyDir()
            .withSizeLimit(emptyDir.getSizeLimit())
            .withMedium(emptyDir.getMedium())
            .endEmptyDir()
            .build());
  }

  /** The claim that each worker gets for its cache. */
  static List<PersistentVolumeClaim> cacheClaims(Blueprint blueprint, Group group) {
    var cache = cache(group);
    ClaimTemplate claim = cache.getClaim();
    if (claim == null) {
      return List.of();
    }
    return List.of(
        new PersistentVolumeClaimBuilder()
            .withNewMetadata()
            .withName(CACHE_VOLUME)
            .withLabels(Labels.ofGroup(blueprint.names().cluster(), group.name()))
            .endMetadata()
            .withNewSpec()
            .withAccessModes(ModelFiles.accessModes(claim))
            .withStorageClassName(claim.getStorageClassName())
            .withNewResources()
            .addToRequests(
                "storage", Optional.ofNullable(cache.getSize()).orElse(new Quantity("20Gi")))
            .endResources()
            .endSpec()
            .build());
  }
}
