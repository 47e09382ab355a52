// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.model.ModelSource;
import dev.knarr.head.api.HeadConfig;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What local mode runs: a cluster file with all defaults applied, and nothing in it that this
 * machine cannot serve. Immutable.
 *
 * @param name of the cluster
 * @param modelName what clients ask for
 * @param model where the model comes from
 * @param draft where the model that drafts tokens comes from
 * @param projector where the projector for images comes from
 * @param context how much one sequence may hold
 * @param workers in file order
 * @param split which device holds how many layers; planned where it names none
 * @param llamaArguments what the user adds for llama-server
 * @param port of the endpoint
 * @param replanAfterSeconds how long a worker may be missing before the model is served without it;
 *     empty for ever
 */
public record LocalSpec(
    String name,
    String modelName,
    ModelSource model,
    Optional<ModelSource> draft,
    Optional<ModelSource> projector,
    HeadConfig.Context context,
    List<WorkerSpec> workers,
    HeadConfig.Split split,
    List<String> llamaArguments,
    int port,
    OptionalInt replanAfterSeconds) {
  public LocalSpec {
    workers = List.copyOf(workers);
    llamaArguments = List.copyOf(llamaArguments);
  }

  /**
   * One worker.
   *
   * @param name such as {@code cpu-0}
   * @param devices names that ggml gives to the devices it offers; {@code CPU}, {@code Vulkan0}
   * @param onCpu whether its memory is the machine's own
   * @param memoryLimitBytes what the file allows it
   */
  public record WorkerSpec(
      String name, List<String> devices, boolean onCpu, OptionalLong memoryLimitBytes) {
    public WorkerSpec {
      devices = List.copyOf(devices);
    }
  }

  /** How many workers compute with the processor and the memory that all share. */
  int cpuWorkers() {
    return (int) workers.stream().filter(WorkerSpec::onCpu).count();
  }
}
