// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.gguf.GgufException;
import dev.knarr.gguf.GgufFile;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus.PlanStatus;
import dev.knarr.head.api.HeadStatus.PlannedDevice;
import dev.knarr.head.api.HeadStatus.WindowStatus;
import dev.knarr.head.supervise.WorkerProof.DeviceProof;
import dev.knarr.plan.ContextOptions;
import dev.knarr.plan.DeviceCapacity;
import dev.knarr.plan.DeviceLayers;
import dev.knarr.plan.DevicePlan;
import dev.knarr.plan.HeadProcessor;
import dev.knarr.plan.MemoryEstimate;
import dev.knarr.plan.NetworkPlan;
import dev.knarr.plan.PlanException;
import dev.knarr.plan.Sampling;
import dev.knarr.plan.SplitPlan;
import dev.knarr.plan.WindowChoice;
import dev.knarr.plan.Wishes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Turns the model's header and what the workers offer into a plan. The header is read once. One
 * thread.
 */
final class Planner {
  /** llama-server drafts up to 16 tokens, and one follows. */
  private static final int DRAFTED_ROWS = 17;

  private final HeadConfig config;
  private final MemoryEstimate estimate;
  private final Optional<MemoryEstimate> draft;
  private final List<GgufFile> models;
  private final Wishes wishes;

  private Planner(
      HeadConfig config,
      MemoryEstimate estimate,
      Optional<MemoryEstimate> draft,
      List<GgufFile> models) {
    this.config = config;
    this.estimate = estimate;
    this.draft = draft;
    this.models = models;
    this.wishes = Wishes.of(config.llamaServer().arguments());
  }

  /**
   * Reads the header of the model.
   *
   * @throws HeadException with {@link HeadReason#MODEL_NOT_FOUND} when a file is missing, {@link
   *     HeadReason#MODEL_UNREADABLE} when it is no model, {@link HeadReason#CONFIG_INVALID} when
   *     the split is none that can be done
   */
  static Planner open(HeadConfig config) {
    TensorSplit.check(config);
    HeadDevice.check(config.split());
    HeadConfig.Context context = config.context();
    try {
      GgufFile model = GgufFile.open(config.model().path());
      ContextOptions options =
          new ContextOptions(
              context.length(),
              context.parallelSequences(),
              context.keyType(),
              context.valueType(),
              context.flashAttention());
      Path draft = config.model().draftPath();
      Path projector = config.model().projectorPath();
      if (projector != null) {
        GgufFile.open(projector);
      }
      var models = new ArrayList<>(List.of(model));
      if (draft != null) {
        models.add(GgufFile.open(draft));
      }
      return new Planner(
          config,
          MemoryEstimate.of(model, options),
          models.stream()
              .skip(1)
              .map(file -> MemoryEstimate.of(file, ContextOptions.DEFAULTS))
              .findFirst(),
          List.copyOf(models));
    } catch (GgufException e) {
      throw new HeadException(
          Files.notExists(e.file()) ? HeadReason.MODEL_NOT_FOUND : HeadReason.MODEL_UNREADABLE,
          sentence(e),
          e);
    } catch (IllegalArgumentException e) {
      throw new HeadException(HeadReason.CONFIG_INVALID, sentence(e), e);
    }
  }

  /** The files whose weights are for the devices: the model and its draft. */
  List<GgufFile> models() {
    return models;
  }

  /**
   * A plan and what follows from it.
   *
   * @param split which device takes which layers
   * @param deviceOrder positions of its workers' devices among all of them
   * @param own llama-server's own devices before and after these
   * @param contextLength tokens of one sequence
   * @param weightsBytes all that goes to the workers when the model is loaded
   * @param flags arguments of llama-server for what was chosen
   * @param draftOutputBytes what a draft may take of the device with the output beside all that
   * @param windows how sliding windows are kept, and the model with that
   * @param network the plan with the network in mind; null where tensors are cut, as what follows
   * @param wire what it means on the network
   */
  record Planned(
      SplitPlan split,
      List<Integer> deviceOrder,
      HeadDevice.AtEnds own,
      int contextLength,
      long weightsBytes,
      List<String> flags,
      long draftOutputBytes,
      WindowChoice.Planned windows,
      @Nullable NetworkPlan network,
      @Nullable WirePlan wire) {

    /** Whether all its devices are among these. */
    boolean isOver(List<String> devices) {
      return devices.containsAll(split.devices().stream().map(DevicePlan::name).toList());
    }

    /** Whether the head's own processor has the output layer. */
    boolean usesHeadCpu() {
      return network != null && network.usesProcessor();
    }

    /** Bytes of each worker's weights; what a draft model adds is nobody's in particular. */
    Map<String, Long> weightsOfWorkers() {
      return split.devices().stream()
          .filter(device -> !device.ofLlamaServer())
          .collect(
              Collectors.groupingBy(
                  device -> device.name().substring(0, device.name().lastIndexOf('/')),
                  Collectors.summingLong(DevicePlan::weightsBytes)));
    }

    PlanStatus status() {
      return new PlanStatus(
          split.devices().stream().map(Planned::status).toList(),
          split.tensorSplit(),
          contextLength,
          wire == null ? null : wire.estimate().bytesPerToken(),
          wire == null ? null : wire.status(),
          wire == null ? null : wire.samplingStatus(),
          windows.choice().map(Planned::status).orElse(null));
    }

    /** What users should know though requests are served. */
    Optional<String> warning() {
      return Optional.ofNullable(wire).flatMap(it -> it.estimate().bottleneck());
    }

    private static WindowStatus status(WindowChoice choice) {
      return new WindowStatus(
          choice.whole() ? "WholeContext" : "Window",
          choice.byUser(),
          choice.extraBytes(),
          choice.reason());
    }

    private static PlannedDevice status(DevicePlan device) {
      int last = device.firstLayer() + device.layers() - 1;
      String layers =
          switch (device.layers()) {
            case 0 -> "";
            case 1 -> String.valueOf(last);
            default -> device.firstLayer() + "-" + last;
          };
      return new PlannedDevice(
          device.name(),
          layers,
          device.output(),
          device.weightsBytes(),
          device.kvBytes(),
          device.computeBytes(),
          device.freeBytes());
    }
  }

  /**
   * Plans over the devices of proven workers.
   *
   * @param headDevices devices of llama-server itself
   * @param processor the head's own; empty where it cannot be used
   * @param last the plan before, whose split is kept when the same devices are there: a worker that
   *     came back finds its layers where they were
   * @throws HeadException when there is no plan, with what would help
   */
  Planned plan(
      List<WorkerProof> workers,
      List<HeadDevice> headDevices,
      Optional<HeadProcessor> processor,
      @Nullable Planned last) {
    List<HeadConfig.SplitDevice> fixed = chosen(workers);
    if (fixed.isEmpty()) {
      LlamaServerArguments.refuseTooMany(names(workers));
    }
    List<DeviceCapacity> capacities = new ArrayList<>();
    workers.forEach(w -> w.devices().forEach(device -> capacities.add(capacity(device))));
    // The head's own are used where they are named; nobody else may want to share them.
    if (fixed.stream().anyMatch(device -> HeadDevice.isName(device.name()))) {
      capacities.addAll(HeadDevice.capacities(headDevices));
    }
    try {
      Optional<Planned> kept =
          Optional.ofNullable(last).filter(it -> it.isOver(names(capacities, processor)));
      if (config.split().mode() == HeadConfig.SplitMode.TENSOR) {
        WindowChoice.Planned windows =
            kept.map(Planned::windows)
                .orElseGet(
                    () ->
                        WindowChoice.plan(
                            estimate,
                            wishes.wholeWindow(),
                            model -> tensors(model, workers, capacities)));
        return planned(windows, null, workers, headDevices);
      }
      NetworkPlan.Input input = input(workers, capacities, processor);
      NetworkPlan network =
          kept.flatMap(it -> Optional.ofNullable(it.network()))
              .map(it -> it.again(input))
              .orElseGet(() -> NetworkPlan.of(input));
      return planned(network.windows(), network, workers, headDevices);
    } catch (PlanException e) {
      HeadReason reason =
          switch (e.fault()) {
            case DOES_NOT_FIT -> HeadReason.MODEL_DOES_NOT_FIT;
            case TOO_MANY_DEVICES -> HeadReason.TOO_MANY_DEVICES;
            case SPLIT_MISMATCH -> HeadReason.CONFIG_INVALID;
            case UNKNOWN_DEVICE -> HeadReason.UNKNOWN_DEVICE;
            case NO_DEVICES -> HeadReason.WORKER_UNSUITABLE;
          };
      throw new HeadException(reason, sentence(e), e);
    }
  }

  /**
   * The devices that the split names, without those of missing workers where the layers are
   * planned.
   */
  private List<HeadConfig.SplitDevice> chosen(List<WorkerProof> workers) {
    List<HeadConfig.SplitDevice> named = config.split().devices();
    List<HeadConfig.SplitDevice> present =
        named.stream().filter(device -> !isMissing(device, workers)).toList();
    return present.isEmpty() ? named : present;
  }

  private boolean isMissing(HeadConfig.SplitDevice device, List<WorkerProof> workers) {
    String worker = device.name().substring(0, Math.max(0, device.name().lastIndexOf('/')));
    return device.fixedLayers().isEmpty()
        && config.workers().stream().anyMatch(each -> each.name().equals(worker))
        && workers.stream().noneMatch(each -> each.worker().equals(worker));
  }

  private static List<String> names(List<WorkerProof> workers) {
    return workers.stream().flatMap(w -> w.devices().stream()).map(DeviceProof::name).toList();
  }

  private static List<String> names(
      List<DeviceCapacity> devices, Optional<HeadProcessor> processor) {
    return Stream.concat(
            devices.stream().map(DeviceCapacity::name),
            processor.stream().map(_ -> HeadProcessor.DEVICE))
        .toList();
  }

  private Planned planned(
      WindowChoice.Planned windows,
      @Nullable NetworkPlan network,
      List<WorkerProof> workers,
      List<HeadDevice> headDevices) {
    SplitPlan split = windows.split();
    return new Planned(
        split,
        order(split, names(workers)),
        HeadDevice.AtEnds.of(split, headDevices),
        Math.toIntExact(estimate.contextLength()),
        split.devices().stream()
                .filter(device -> !device.ofLlamaServer())
                .mapToLong(DevicePlan::weightsBytes)
                .sum()
            + draft.map(MemoryEstimate::weightsBytes).orElse(0L),
        flags(windows, network),
        draftOutputBytes(),
        windows,
        network,
        network == null ? null : WirePlan.of(network, workers));
  }

  /** Its output layer may be there, too; and each sequence has a row for each drafted token. */
  private long draftOutputBytes() {
    return draft
        .map(it -> it.outputBytes() + 2 * DRAFTED_ROWS * estimate.outputComputeBytes())
        .orElse(0L);
  }

  private List<String> flags(WindowChoice.Planned windows, @Nullable NetworkPlan network) {
    List<String> flags = new ArrayList<>();
    Optional<Sampling> sampling =
        wishes
            .sampling()
            .or(() -> Optional.ofNullable(network).map(it -> it.sampling().sampling()));
    if (sampling.equals(Optional.of(Sampling.GRAPH))) {
      flags.add(Wishes.GRAPH_SAMPLING);
    }
    if (windows.choice().map(WindowChoice::whole).orElse(false)) {
      flags.add(Wishes.WHOLE_WINDOW);
    }
    return List.copyOf(flags);
  }

  private SplitPlan tensors(
      MemoryEstimate model, List<WorkerProof> workers, List<DeviceCapacity> devices) {
    List<DeviceLayers> chosen =
        chosen(workers).stream().map(d -> new DeviceLayers(d.name(), OptionalInt.empty())).toList();
    List<DeviceCapacity> used = SplitPlan.chosen(devices, chosen);
    TensorSplit.checkDevices(workers, used.stream().map(DeviceCapacity::name).toList());
    return SplitPlan.ofTensors(model, used);
  }

  private NetworkPlan.Input input(
      List<WorkerProof> workers, List<DeviceCapacity> devices, Optional<HeadProcessor> processor) {
    List<DeviceLayers> fixed =
        chosen(workers).stream().map(d -> new DeviceLayers(d.name(), d.fixedLayers())).toList();
    boolean endsOnHead = !fixed.isEmpty() && fixed.getLast().onHead();
    return new NetworkPlan.Input(
        estimate,
        wishes,
        config.split().output(),
        endsOnHead ? Optional.empty() : processor,
        (model, more) ->
            SplitPlan.of(model, Stream.concat(devices.stream(), more.stream()).toList(), fixed),
        _ -> workers.stream().map(WorkerProof::wire).toList());
  }

  private static DeviceCapacity capacity(DeviceProof device) {
    return new DeviceCapacity(device.name(), "RPC", device.freeBytes(), device.totalBytes());
  }

  private static List<Integer> order(SplitPlan split, List<String> names) {
    return split.devices().stream()
        .filter(device -> !device.onHead())
        .map(device -> names.indexOf(device.name()))
        .toList();
  }

  private static String sentence(RuntimeException e) {
    return String.valueOf(e.getMessage());
  }
}
