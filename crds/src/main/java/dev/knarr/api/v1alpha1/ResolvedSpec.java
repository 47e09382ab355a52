// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.kubernetes.api.model.Quantity;
import java.math.RoundingMode;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A spec with all defaults, without nulls: what the rest of Knarr works with. Only a document that
 * meets {@link SpecRules} can be resolved. Immutable, except for the Kubernetes objects that {@link
 * Group#spec()} and {@link Head#spec()} give through, which nobody changes.
 *
 * @param name the cluster
 * @param replicas heads, 0 or 1
 * @param model the model and its context
 * @param workers groups in order
 * @param split how layers are placed
 * @param head the head
 * @param network encryption and policies
 * @param replanAfterSeconds how long a worker may be missing before it is planned without it; empty
 *     for ever
 * @param updates when images change
 */
public record ResolvedSpec(
    String name,
    int replicas,
    Model model,
    List<Group> workers,
    Split split,
    Head head,
    Network network,
    OptionalInt replanAfterSeconds,
    UpdatePolicy updates) {
  /** What a tensor cache holds when nothing is said. */
  public static final long DEFAULT_CACHE_BYTES = 20L << 30;

  /** Copies the list. */
  public ResolvedSpec {
    workers = List.copyOf(workers);
  }

  /**
   * The model.
   *
   * @param contextLength tokens of one sequence; 0 is the model's own
   * @param storage as in the document; empty is an emptyDir
   */
  public record Model(
      String name,
      Source source,
      Optional<ModelStorage> storage,
      int contextLength,
      int parallelSequences,
      KvCacheType keyType,
      KvCacheType valueType,
      FlashAttentionMode flashAttention,
      Optional<Source> draft,
      Optional<Source> projector) {}

  /** Where a file comes from. */
  public sealed interface Source {
    /** A file of this machine, relative to the document's file. */
    record LocalPath(String path) implements Source {}

    /** A file on a claim. */
    record Claim(String claimName, String path) implements Source {}

    /** A file of the nodes. */
    record HostPath(String path) implements Source {}

    /** A file of a web server; {@code sha256} has one sum per part, or none. */
    record Http(String url, List<String> sha256, Optional<String> headersSecret)
        implements Source {}

    /** A file of Hugging Face. */
    record HuggingFace(
        String repo,
        String file,
        String revision,
        Optional<String> sha256,
        Optional<String> endpoint,
        Optional<SecretKeyReference> tokenSecret)
        implements Source {}

    /** A file in an OCI image. */
    record Image(String reference, String path, ImagePullPolicy pullPolicy) implements Source {}
  }

  /**
   * A group of workers.
   *
   * @param memoryLimitBytes what a worker may allocate: resources.limits.memory
   * @param cacheBytes the size of the tensor cache
   * @param spec the document's group, for what is handed on to Kubernetes unchanged
   */
  public record Group(
      String name,
      int replicas,
      Backend backend,
      Optional<Devices> devices,
      OptionalLong memoryLimitBytes,
      long cacheBytes,
      WorkerGroupSpec spec) {
    /** The names of the workers: {@code a100-0}, {@code a100-1}. */
    public List<String> workerNames() {
      return IntStream.range(0, replicas).mapToObj(i -> name + "-" + i).toList();
    }
  }

  /** Devices by resource. */
  public record Devices(String resource, int count) {}

  /** How layers are placed; no devices means planned. */
  public record Split(SplitMode mode, List<Device> devices, OutputPlacement output) {
    /** One device; without layers they are planned. */
    public record Device(String name, OptionalInt layers) {}
  }

  /**
   * The head.
   *
   * @param spec the document's head, for what is handed on to Kubernetes unchanged
   */
  public record Head(
      Optional<Devices> devices,
      List<String> args,
      Optional<SecretKeyReference> apiKeySecret,
      ServiceType serviceType,
      int port,
      int drainSeconds,
      HeadSpec spec) {}

  /** Encryption and policies. */
  public record Network(
      TlsMode tls,
      Optional<String> headSecret,
      Optional<String> workersSecret,
      PolicyMode policy) {}

  /**
   * Applies all defaults.
   *
   * @throws IllegalArgumentException when the document breaks a rule; check it first
   */
  public static ResolvedSpec from(InferenceCluster cluster) {
    var violations = SpecRules.check(cluster);
    if (!violations.isEmpty()) {
      throw new IllegalArgumentException("The cluster breaks rules: %s".formatted(violations));
    }
    return Resolver.resolve(cluster);
  }

  /** All workers of all groups, in order. */
  public List<String> workerNames() {
    return workers.stream().map(Group::workerNames).flatMap(List::stream).toList();
  }

  /** Bytes of a size; part of a byte counts as one. */
  static OptionalLong bytes(@Nullable Quantity size) {
    return Stream.ofNullable(size)
        .mapToLong(q -> q.getNumericalAmount().setScale(0, RoundingMode.CEILING).longValue())
        .findFirst();
  }

  static <T> T or(@Nullable T value, T defaultValue) {
    return Objects.requireNonNullElse(value, defaultValue);
  }
}
