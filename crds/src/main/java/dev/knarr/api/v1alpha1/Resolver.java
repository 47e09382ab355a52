// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static dev.knarr.api.v1alpha1.ResolvedSpec.bytes;
import static dev.knarr.api.v1alpha1.ResolvedSpec.or;
import static java.util.Objects.requireNonNull;

import dev.knarr.api.v1alpha1.ResolvedSpec.Devices;
import dev.knarr.api.v1alpha1.ResolvedSpec.Group;
import dev.knarr.api.v1alpha1.ResolvedSpec.Head;
import dev.knarr.api.v1alpha1.ResolvedSpec.Model;
import dev.knarr.api.v1alpha1.ResolvedSpec.Network;
import dev.knarr.api.v1alpha1.ResolvedSpec.Source;
import dev.knarr.api.v1alpha1.ResolvedSpec.Split;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** The defaults of every field, in one place. Expects a cluster that meets {@link SpecRules}. */
final class Resolver {
  private Resolver() {}

  static ResolvedSpec resolve(InferenceCluster cluster) {
    var spec = cluster.getSpec();
    return new ResolvedSpec(
        cluster.getMetadata().getName(),
        or(spec.getReplicas(), 1),
        model(requireNonNull(spec.getModel())),
        or(spec.getWorkers(), List.<WorkerGroupSpec>of()).stream().map(Resolver::group).toList(),
        split(or(spec.getSplit(), new SplitSpec())),
        head(or(spec.getHead(), new HeadSpec())),
        network(or(spec.getNetwork(), new NetworkSpec())),
        replanAfterSeconds(or(spec.getRecovery(), new RecoverySpec())),
        or(spec.getUpdates(), UpdatePolicy.ON_SPEC_CHANGE));
  }

  private static Model model(ModelSpec model) {
    var cache = or(model.getKvCache(), new KvCacheSpec());
    return new Model(
        requireNonNull(model.getName()),
        source(requireNonNull(model.getSource())),
        Optional.ofNullable(model.getStorage()),
        or(model.getContextLength(), 0),
        or(model.getParallelSequences(), 1),
        or(cache.getKeyType(), KvCacheType.F16),
        or(cache.getValueType(), KvCacheType.F16),
        or(model.getFlashAttention(), FlashAttentionMode.AUTO),
        auxiliary(model.getDraft()),
        auxiliary(model.getProjector()));
  }

  private static Optional<Source> auxiliary(@Nullable AuxiliaryModelSpec model) {
    return Optional.ofNullable(model).map(m -> source(requireNonNull(m.getSource())));
  }

  private static Source source(ModelSource source) {
    if (source.getPath() != null) {
      return new Source.LocalPath(source.getPath());
    }
    if (source.getClaim() != null) {
      return new Source.Claim(
          requireNonNull(source.getClaim().getClaimName()),
          requireNonNull(source.getClaim().getPath()));
    }
    if (source.getHostPath() != null) {
      return new Source.HostPath(requireNonNull(source.getHostPath().getPath()));
    }
    if (source.getHttp() != null) {
      var http = source.getHttp();
      var single = http.getSha256() == null ? List.<String>of() : List.of(http.getSha256());
      return new Source.Http(
          requireNonNull(http.getUrl()),
          List.copyOf(or(http.getPartSha256(), single)),
          Optional.ofNullable(http.getHeadersSecretRef()).map(SecretReference::getName));
    }
    if (source.getHuggingFace() != null) {
      var face = source.getHuggingFace();
      return new Source.HuggingFace(
          requireNonNull(face.getRepo()),
          requireNonNull(face.getFile()),
          or(face.getRevision(), "main"),
          Optional.ofNullable(face.getSha256()),
          Optional.ofNullable(face.getEndpoint()),
          Optional.ofNullable(face.getTokenSecretRef()));
    }
    var image = requireNonNull(source.getImage());
    return new Source.Image(
        requireNonNull(image.getReference()),
        requireNonNull(image.getPath()),
        or(image.getPullPolicy(), ImagePullPolicy.IF_NOT_PRESENT));
  }

  private static Group group(WorkerGroupSpec group) {
    var limits = group.getResources() == null ? null : group.getResources().getLimits();
    var cache = or(group.getTensorCache(), new TensorCacheSpec());
    return new Group(
        requireNonNull(group.getName()),
        or(group.getReplicas(), 1),
        requireNonNull(group.getBackend()),
        devices(group.getDevices()),
        bytes(limits == null ? null : limits.get("memory")),
        bytes(cache.getSize()).orElse(ResolvedSpec.DEFAULT_CACHE_BYTES),
        group);
  }

  private static Optional<Devices> devices(@Nullable DeviceRequest devices) {
    return Optional.ofNullable(devices)
        .map(d -> new Devices(requireNonNull(d.getResource()), or(d.getCount(), 1)));
  }

  private static Split split(SplitSpec split) {
    return new Split(
        or(split.getMode(), SplitMode.LAYER),
        or(split.getDevices(), List.<SplitDevice>of()).stream()
            .map(
                device ->
                    new Split.Device(
                        requireNonNull(device.getName()),
                        device.getLayers() == null
                            ? OptionalInt.empty()
                            : OptionalInt.of(device.getLayers())))
            .toList(),
        or(split.getOutput(), OutputPlacement.AUTO));
  }

  private static Head head(HeadSpec head) {
    var service = or(head.getService(), new ServiceSpec());
    return new Head(
        devices(head.getDevices()),
        List.copyOf(or(head.getArgs(), List.of())),
        Optional.ofNullable(head.getApiKeySecretRef()),
        or(service.getType(), ServiceType.CLUSTER_IP),
        or(service.getPort(), 8080),
        or(head.getDrainSeconds(), 60),
        head);
  }

  private static OptionalInt replanAfterSeconds(RecoverySpec recovery) {
    var seconds = recovery.getReplanAfterSeconds();
    return seconds == null ? OptionalInt.empty() : OptionalInt.of(seconds);
  }

  private static Network network(NetworkSpec network) {
    var tls = or(network.getTls(), new TlsSpec());
    return new Network(
        or(tls.getMode(), TlsMode.MANAGED),
        Optional.ofNullable(tls.getHeadSecretName()),
        Optional.ofNullable(tls.getWorkersSecretName()),
        or(network.getPolicy(), PolicyMode.MANAGED));
  }
}
