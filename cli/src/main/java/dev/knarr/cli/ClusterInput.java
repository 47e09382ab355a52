// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.api.v1alpha1.Backend;
import dev.knarr.api.v1alpha1.FlashAttentionMode;
import dev.knarr.api.v1alpha1.InferenceClusterFile;
import dev.knarr.api.v1alpha1.InferenceClusterFileException;
import dev.knarr.api.v1alpha1.OutputPlacement;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.SplitMode;
import dev.knarr.cli.local.LocalSpec;
import dev.knarr.cli.model.ModelSource;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.plan.FlashAttention;
import dev.knarr.plan.OutputPlace;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/** Turns the file that a command is pointed at into what local mode runs. */
final class ClusterInput {
  private ClusterInput() {}

  /** Whether {@code file} is a model rather than a cluster file. */
  static boolean isModel(Path file) {
    return String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).endsWith(".gguf");
  }

  /**
   * Reads a cluster file by the rules of local mode; empty where it asks for no replica.
   *
   * @throws CommandFailure with all problems of the file
   */
  static Optional<LocalSpec> read(Path file) {
    if (!Files.exists(file)) {
      throw CommandFailure.usage(
          "%s does not exist. An example that runs anywhere: docs/examples/quickstart.yaml"
              .formatted(file));
    }
    InferenceClusterFile cluster;
    try {
      cluster = InferenceClusterFile.readLocal(file);
    } catch (InferenceClusterFileException e) {
      throw CommandFailure.usage(String.valueOf(e.getMessage()));
    }
    var spec = cluster.resolved();
    if (spec.replicas() == 0) {
      return Optional.empty();
    }
    if (spec.workerNames().isEmpty()) {
      throw CommandFailure.usage(
          "%s: spec.workers: The groups have no replica between them, and nothing would hold the model. Set replicas of one to 1 or more."
              .formatted(file));
    }
    return Optional.of(local(cluster, spec));
  }

  private static LocalSpec local(InferenceClusterFile file, ResolvedSpec spec) {
    var model = spec.model();
    return new LocalSpec(
        spec.name(),
        model.name(),
        source(file, model.source()),
        model.draft().map(source -> source(file, source)),
        model.projector().map(source -> source(file, source)),
        new HeadConfig.Context(
            model.contextLength(),
            model.parallelSequences(),
            lowerCase(model.keyType()),
            lowerCase(model.valueType()),
            flashAttention(model.flashAttention())),
        workers(spec.workers()),
        split(spec.split()),
        spec.head().args(),
        spec.head().port(),
        spec.replanAfterSeconds());
  }

  private static ModelSource source(InferenceClusterFile file, ResolvedSpec.Source source) {
    return switch (source) {
      case ResolvedSpec.Source.LocalPath local ->
          new ModelSource.LocalPath(file.resolve(local.path()));
      case ResolvedSpec.Source.Http http ->
          new ModelSource.Http(URI.create(http.url()), http.sha256());
      case ResolvedSpec.Source.HuggingFace repository ->
          new ModelSource.HuggingFace(
              repository.repo(),
              repository.file(),
              repository.revision(),
              repository.sha256(),
              repository.endpoint().map(URI::create));
      case ResolvedSpec.Source.Claim _,
          ResolvedSpec.Source.HostPath _,
          ResolvedSpec.Source.Image _ ->
          // The rules of local mode have refused it with a line number.
          throw CommandFailure.usage(
              "Local mode serves models by path, http or huggingFace: %s".formatted(file.file()));
    };
  }

  private static List<LocalSpec.WorkerSpec> workers(List<ResolvedSpec.Group> groups) {
    var workers = new ArrayList<LocalSpec.WorkerSpec>();
    for (var group : groups) {
      int first = 0;
      int count = group.devices().map(ResolvedSpec.Devices::count).orElse(1);
      for (var name : group.workerNames()) {
        workers.add(
            new LocalSpec.WorkerSpec(
                name,
                devices(group.backend(), first, count),
                group.backend() == Backend.CPU,
                group.memoryLimitBytes()));
        first += count;
      }
    }
    return workers;
  }

  /** The devices of one worker by ggml's names: workers of a group share out the machine's. */
  private static List<String> devices(Backend backend, int first, int count) {
    var prefix =
        switch (backend) {
          case CPU -> "CPU";
          case CUDA -> "CUDA";
          case ROCM -> "ROCm";
          case VULKAN -> "Vulkan";
        };
    return backend == Backend.CPU
        ? List.of(prefix)
        : IntStream.range(first, first + count).mapToObj(number -> prefix + number).toList();
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

  private static String lowerCase(Enum<?> type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
