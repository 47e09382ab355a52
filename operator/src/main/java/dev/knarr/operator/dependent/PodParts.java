// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.HeadSpec;
import dev.knarr.api.v1alpha1.PlacementSpec;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.SecretKeyReference;
import dev.knarr.api.v1alpha1.TlsMode;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.Labels;
import dev.knarr.operator.PodPaths;
import dev.knarr.operator.Ports;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.ContainerPortBuilder;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorBuilder;
import io.fabric8.kubernetes.api.model.LocalObjectReference;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.PodSecurityContextBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.ProbeBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import io.fabric8.kubernetes.api.model.SecurityContext;
import io.fabric8.kubernetes.api.model.SecurityContextBuilder;
import io.fabric8.kubernetes.api.model.TopologySpreadConstraint;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What the pods of head, workers and model have in common. Pure functions. */
final class PodParts {
  static final String TMP_VOLUME = "knarr-tmp";
  static final String TLS_VOLUME = "knarr-tls";
  static final String MANAGEMENT_PORT = "management";

  private static final long USER = 65532;

  /** Readable by the group, which is the pod's. */
  private static final int SECRET_MODE = 0440;

  private static final Set<String> COMPUTE = Set.of("cpu", "memory", "ephemeral-storage");

  private PodParts() {}

  /** The template of pods that are placed as asked for. */
  static PodTemplateSpec template(
      Blueprint blueprint,
      Map<String, String> labels,
      Map<String, String> selector,
      PlacementSpec placement,
      PodSpec spec) {
    var volumes = new ArrayList<>(spec.getVolumes());
    volumes.addAll(or(placement.getVolumes(), List.of()));
    return new PodTemplateSpecBuilder()
        .withNewMetadata()
        .withLabels(labels(placement, labels))
        .withAnnotations(or(placement.getAnnotations(), Map.of()))
        .endMetadata()
        .withSpec(
            new PodSpecBuilder(spec)
                .withNodeSelector(placement.getNodeSelector())
                .withAffinity(placement.getAffinity())
                .withTolerations(or(placement.getTolerations(), List.of()))
                .withTopologySpreadConstraints(spread(placement, selector))
                .withRuntimeClassName(placement.getRuntimeClass())
                .withPriorityClassName(placement.getPriorityClass())
                .withImagePullSecrets(
                    blueprint.release().pullSecrets().stream()
                        .map(LocalObjectReference::new)
                        .toList())
                .withAutomountServiceAccountToken(false)
                .withEnableServiceLinks(false)
                .withSecurityContext(podSecurity())
                .withVolumes(volumes)
                .build())
        .build();
  }

  /** The user's labels and ours, which win: the operator selects by them. */
  static Map<String, String> labels(PlacementSpec placement, Map<String, String> ours) {
    var labels = new LinkedHashMap<>(or(placement.getLabels(), Map.of()));
    labels.putAll(ours);
    return labels;
  }

  /** Selects head and workers. */
  static LabelSelector serving(String cluster) {
    return new LabelSelectorBuilder()
        .addToMatchLabels(Labels.INSTANCE, cluster)
        .addNewMatchExpression()
        .withKey(Labels.COMPONENT)
        .withOperator("In")
        .withValues(Labels.Component.HEAD.value(), Labels.Component.WORKER.value())
        .endMatchExpression()
        .build();
  }

  /** Where pods run, without what their containers are given. */
  static PlacementSpec place(HeadSpec head) {
    var place = new HeadSpec();
    place.setNodeSelector(head.getNodeSelector());
    place.setAffinity(head.getAffinity());
    place.setTolerations(head.getTolerations());
    place.setPriorityClass(head.getPriorityClass());
    place.setLabels(head.getLabels());
    place.setAnnotations(head.getAnnotations());
    return place;
  }

  /** A constraint without a selector would count no pods at all. */
  private static List<TopologySpreadConstraint> spread(
      PlacementSpec placement, Map<String, String> selector) {
    return or(placement.getTopologySpread(), List.<TopologySpreadConstraint>of()).stream()
        .map(
            constraint ->
                constraint.getLabelSelector() != null
                    ? constraint
                    : constraint
                        .edit()
                        .withNewLabelSelector()
                        .withMatchLabels(selector)
                        .endLabelSelector()
                        .build())
        .toList();
  }

  private static PodSecurityContext podSecurity() {
    return new PodSecurityContextBuilder()
        .withRunAsNonRoot(true)
        .withRunAsUser(USER)
        .withRunAsGroup(USER)
        .withFsGroup(USER)
        .withFsGroupChangePolicy("OnRootMismatch")
        .withNewSeccompProfile()
        .withType("RuntimeDefault")
        .endSeccompProfile()
        .build();
  }

  static SecurityContext security() {
    return new SecurityContextBuilder()
        .withAllowPrivilegeEscalation(false)
        .withReadOnlyRootFilesystem(true)
        .withNewCapabilities()
        .withDrop("ALL")
        .endCapabilities()
        .build();
  }

  /** The image's own policy, or the release's; empty is Kubernetes' rule for the tag. */
  static @Nullable String pullPolicy(Blueprint blueprint, PlacementSpec placement) {
    return placement.getImagePullPolicy() != null
        ? placement.getImagePullPolicy().value()
        : blueprint.release().pullPolicy();
  }

  /** Our variables, and the user's, which win. */
  static List<EnvVar> env(List<EnvVar> ours, @Nullable List<EnvVar> users) {
    var byName = new LinkedHashMap<String, EnvVar>();
    Stream.concat(ours.stream(), or(users, List.<EnvVar>of()).stream())
        .forEach(variable -> byName.put(variable.getName(), variable));
    return List.copyOf(byName.values());
  }

  /** Of every container of ours. */
  static List<EnvVar> commonEnv() {
    return List.of(
        variable("HOME", PodPaths.TMP),
        variable("TMPDIR", PodPaths.TMP),
        variable("KNARR_LOG_FORMAT", "json"),
        new EnvVarBuilder()
            .withName("KNARR_POD_UID")
            .withNewValueFrom()
            .withNewFieldRef()
            .withApiVersion("v1")
            .withFieldPath("metadata.uid")
            .endFieldRef()
            .endValueFrom()
            .build());
  }

  static EnvVar variable(String name, String value) {
    return new EnvVarBuilder().withName(name).withValue(value).build();
  }

  /** What the user asks for, and the devices. */
  static ResourceRequirements resources(
      PlacementSpec placement, Optional<ResolvedSpec.Devices> devices) {
    var given = or(placement.getResources(), new ResourceRequirements());
    if (devices.isEmpty()) {
      return given;
    }
    var limits = new LinkedHashMap<>(or(given.getLimits(), Map.of()));
    limits.put(devices.get().resource(), new Quantity(String.valueOf(devices.get().count())));
    return new ResourceRequirementsBuilder(given).withLimits(limits).build();
  }

  /**
   * What the user gives the head, without its devices: for containers that run before it. They
   * never ask for more than the head will, and a quota that demands limits is content.
   */
  static ResourceRequirements compute(PlacementSpec placement) {
    var given = or(placement.getResources(), new ResourceRequirements());
    return new ResourceRequirementsBuilder()
        .withLimits(compute(given.getLimits()))
        .withRequests(compute(given.getRequests()))
        .build();
  }

  private static @Nullable Map<String, Quantity> compute(@Nullable Map<String, Quantity> given) {
    if (given == null) {
      return null;
    }
    var kept = new LinkedHashMap<>(given);
    kept.keySet().retainAll(COMPUTE);
    return kept;
  }

  static Volume tmp() {
    return emptyDir(TMP_VOLUME);
  }

  static VolumeMount tmpMount() {
    return mount(TMP_VOLUME, PodPaths.TMP);
  }

  static Volume emptyDir(String name) {
    return new VolumeBuilder().withName(name).withNewEmptyDir().endEmptyDir().build();
  }

  static VolumeMount mount(String volume, String path) {
    return new VolumeMountBuilder().withName(volume).withMountPath(path).build();
  }

  static VolumeMount readOnly(String volume, String path) {
    return new VolumeMountBuilder().withName(volume).withMountPath(path).withReadOnly(true).build();
  }

  static Volume configMap(String volume, String name) {
    return new VolumeBuilder()
        .withName(volume)
        .withNewConfigMap()
        .withName(name)
        .endConfigMap()
        .build();
  }

  /** One entry of a Secret as a file. */
  static Volume secretFile(String volume, SecretKeyReference secret, String file) {
    return new VolumeBuilder()
        .withName(volume)
        .withNewSecret()
        .withSecretName(secret.getName())
        .withDefaultMode(SECRET_MODE)
        .addNewItem()
        .withKey(secret.getKey())
        .withPath(file)
        .endItem()
        .endSecret()
        .build();
  }

  /** All entries of a Secret as files. */
  static Volume secretFolder(String volume, String secret) {
    return new VolumeBuilder()
        .withName(volume)
        .withNewSecret()
        .withSecretName(secret)
        .withDefaultMode(SECRET_MODE)
        .endSecret()
        .build();
  }

  /**
   * The certificates of a part, and no other's; none without TLS. A whole folder, since a file
   * mounted by itself would never change.
   *
   * @param part head or a group
   */
  static Optional<Volume> tls(Blueprint blueprint, String part) {
    var network = blueprint.spec().network();
    return switch (network.tls()) {
      case MANAGED ->
          Optional.of(
              tls(
                  blueprint.names().certificatesSecret(),
                  ClusterNames.certificate(part),
                  ClusterNames.key(part)));
      case SECRET ->
          (part.equals("head") ? network.headSecret() : network.workersSecret())
              .map(secret -> tls(secret, "tls.crt", "tls.key"));
      case DISABLED -> Optional.empty();
    };
  }

  static boolean encrypted(Blueprint blueprint) {
    return blueprint.spec().network().tls() != TlsMode.DISABLED;
  }

  private static Volume tls(String secret, String certificate, String key) {
    return new VolumeBuilder()
        .withName(TLS_VOLUME)
        .withNewSecret()
        .withSecretName(secret)
        .withDefaultMode(SECRET_MODE)
        .addNewItem()
        .withKey(ClusterNames.CA_CERTIFICATE)
        .withPath("ca.crt")
        .endItem()
        .addNewItem()
        .withKey(certificate)
        .withPath("tls.crt")
        .endItem()
        .addNewItem()
        .withKey(key)
        .withPath("tls.key")
        .endItem()
        .endSecret()
        .build();
  }

  static ContainerPort port(String name, int port) {
    return new ContainerPortBuilder()
        .withName(name)
        .withContainerPort(port)
        .withProtocol("TCP")
        .build();
  }

  static ContainerPort managementPort() {
    return port(MANAGEMENT_PORT, Ports.MANAGEMENT);
  }

  /** A question to the management port. */
  static Probe probe(String health, int periodSeconds, int failures) {
    return new ProbeBuilder()
        .withNewHttpGet()
        .withPath("/q/health/" + health)
        .withNewPort(MANAGEMENT_PORT)
        .endHttpGet()
        .withPeriodSeconds(periodSeconds)
        .withTimeoutSeconds(5)
        .withFailureThreshold(failures)
        .build();
  }

  static List<VolumeMount> mounts(Container container, PlacementSpec placement) {
    var mounts = new ArrayList<>(container.getVolumeMounts());
    mounts.addAll(or(placement.getVolumeMounts(), List.of()));
    return mounts;
  }

  static <T> T or(@Nullable T value, T otherwise) {
    return value == null ? otherwise : value;
  }
}
