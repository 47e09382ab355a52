// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.model.ModelStore;
import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.gguf.GgufFile;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.os.MachineMemory;
import dev.knarr.os.MemoryBandwidth;
import dev.knarr.plan.ByteSize;
import dev.knarr.plan.ContextOptions;
import dev.knarr.plan.DeviceCapacity;
import dev.knarr.plan.DeviceLayers;
import dev.knarr.plan.FlashAttention;
import dev.knarr.plan.HeadProcessor;
import dev.knarr.plan.MemoryEstimate;
import dev.knarr.plan.NetworkPlan;
import dev.knarr.plan.OutputPlace;
import dev.knarr.plan.PlanTable;
import dev.knarr.plan.SplitPlan;
import dev.knarr.plan.WireTable;
import dev.knarr.plan.Wishes;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * What {@code knarr plan} shows: the plan that a head would make, without starting one. Any thread.
 */
public final class LocalPlan {
  private final Path cache;

  /**
   * A planner.
   *
   * @param cache where fetched models are kept
   */
  public LocalPlan(Path cache) {
    this.cache = cache;
  }

  /**
   * The plan of a cluster, as a table.
   *
   * @param addresses of workers that run, in the order of the replicas; empty assumes that this
   *     machine's memory is divided among the workers
   * @param tls the files for TLS towards these workers; plain when empty
   * @param links what is assumed of the network
   * @throws dev.knarr.plan.PlanException when the model does not fit, saying what would help
   * @throws LocalException when a worker does not answer, or the model is not here
   */
  public String ofCluster(
      LocalSpec spec, List<String> addresses, Optional<TlsFiles> tls, AssumedLinks links) {
    var store =
        new ModelStore(
            cache.resolve("models"),
            System.getenv(),
            new TransferProgress(ProgressLine.onStandardOutput()));
    var model =
        store
            .cached(spec.model())
            .orElseThrow(
                () ->
                    new LocalException(
                        "The model %s is not in the cache yet: 'knarr up' fetches it. To plan without it, fetch its first part alone and run 'knarr plan' on that."
                            .formatted(spec.model().description())));
    var devices =
        addresses.isEmpty()
            ? assumed(spec, MachineMemory.now())
            : asked(HeadWorkers.of(spec, addresses), DeviceQuery.transport(tls));
    boolean tensors = spec.split().mode() == HeadConfig.SplitMode.TENSOR;
    var fixed =
        spec.split().devices().stream()
            .map(
                device ->
                    new DeviceLayers(
                        device.name(), tensors ? OptionalInt.empty() : device.fixedLayers()))
            .toList();
    var estimate = MemoryEstimate.of(GgufFile.open(model), options(spec.context()));
    if (tensors) {
      return PlanTable.render(
          SplitPlan.ofTensors(estimate, SplitPlan.chosen(devices, fixed)), estimate);
    }
    var assumed = addresses.isEmpty() ? links.onThisMachine() : links;
    boolean endsOnHead = !fixed.isEmpty() && fixed.getLast().onHead();
    return table(
        new NetworkPlan.Input(
            estimate,
            Wishes.of(spec.llamaArguments()),
            spec.split().output(),
            endsOnHead ? Optional.empty() : Optional.of(thisProcessor()),
            (it, more) -> SplitPlan.of(it, with(devices, more), fixed),
            assumed::workers),
        assumed);
  }

  /** The head's, which is taken to be like this machine's. */
  private static HeadProcessor thisProcessor() {
    return new HeadProcessor(MachineMemory.now().shareBytes(1), MemoryBandwidth::measure);
  }

  private static List<DeviceCapacity> with(
      List<DeviceCapacity> devices, List<DeviceCapacity> more) {
    return Stream.concat(devices.stream(), more.stream()).toList();
  }

  private static String table(NetworkPlan.Input input, AssumedLinks links) {
    var plan = NetworkPlan.of(input);
    var windows = plan.windows();
    return PlanTable.render(windows.split(), windows.estimate())
        + WireTable.render(plan.wire(), plan.sampling(), windows.choice(), links.toString());
  }

  /**
   * The plan of a model by itself, as a table.
   *
   * @param sizes free memory of the devices; empty assumes this machine's memory
   * @param contextLength tokens of one sequence; 0 takes the model's
   * @param links what is assumed of the network
   * @throws dev.knarr.plan.PlanException when the model does not fit, saying what would help
   */
  public String ofModel(
      Path model,
      List<String> sizes,
      int contextLength,
      int parallelSequences,
      AssumedLinks links) {
    var devices = new ArrayList<DeviceCapacity>();
    for (var size : sizes) {
      long bytes = ByteSize.parse(size);
      devices.add(new DeviceCapacity("device " + devices.size(), size, bytes, bytes));
    }
    if (devices.isEmpty()) {
      long bytes = MachineMemory.now().shareBytes(1);
      devices.add(new DeviceCapacity("this machine", "CPU", bytes, bytes));
    }
    var options =
        new ContextOptions(contextLength, parallelSequences, "f16", "f16", FlashAttention.AUTO);
    var estimate = MemoryEstimate.of(GgufFile.open(model), options);
    var assumed = sizes.isEmpty() ? links.onThisMachine() : links;
    return table(
        new NetworkPlan.Input(
            estimate,
            Wishes.of(List.of()),
            OutputPlace.AUTO,
            Optional.of(thisProcessor()),
            (it, more) -> SplitPlan.of(it, with(devices, more)),
            assumed::workers),
        assumed);
  }

  private static List<DeviceCapacity> asked(List<HeadConfig.Worker> workers, Transport transport) {
    return workers.stream()
        .flatMap(worker -> DeviceQuery.ask(worker, transport, "--worker").stream())
        .toList();
  }

  static List<DeviceCapacity> assumed(LocalSpec spec, MachineMemory memory) {
    var devices = new ArrayList<DeviceCapacity>();
    for (var worker : spec.workers()) {
      if (!worker.onCpu()) {
        throw new LocalException(
            "The memory of worker %s (%s) is known only to the worker: start it (knarr worker) and say --worker HOST:PORT, one for each worker of the file."
                .formatted(worker.name(), String.join(", ", worker.devices())));
      }
      long bytes = LocalWorkers.cpuLimitBytes(worker, memory, spec.cpuWorkers());
      devices.add(
          new DeviceCapacity(
              worker.name() + "/0", "a share of this machine's memory", bytes, bytes));
    }
    return devices;
  }

  static ContextOptions options(HeadConfig.Context context) {
    return new ContextOptions(
        context.length(),
        context.parallelSequences(),
        context.keyType(),
        context.valueType(),
        context.flashAttention());
  }
}
