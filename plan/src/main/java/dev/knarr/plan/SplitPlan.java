// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Which device takes which layers. Layers are whole and stay in order, the output counts as one
 * more layer at the end, and no device takes more than it has free. Immutable.
 */
public final class SplitPlan {
  /**
   * llama.cpp schedules over at most 16 backends; its own CPU is one, and one is kept for what a
   * user adds to llama-server.
   */
  public static final int MAX_DEVICES = 14;

  private final List<DevicePlan> devices;

  private SplitPlan(List<DevicePlan> devices) {
    this.devices = List.copyOf(devices);
  }

  /**
   * Splits a model over the devices in their order, in proportion to their free memory. Where the
   * last of them is the {@linkplain HeadProcessor head's processor}, it takes the output and no
   * layers.
   *
   * @throws ModelDoesNotFitException when it does not fit
   * @throws PlanException when there is no device, or more than {@link #MAX_DEVICES}
   */
  public static SplitPlan of(MemoryEstimate estimate, List<DeviceCapacity> devices) {
    return of(estimate, devices, List.of());
  }

  /**
   * Splits a model as the user fixed it.
   *
   * @param fixed the devices to use, in order, all with layers or all without; devices that are not
   *     named stay empty, but for the head's processor. An empty list uses all devices.
   * @throws ModelDoesNotFitException when it does not fit
   * @throws PlanException when there is no device, more than {@link #MAX_DEVICES}, or {@code fixed}
   *     matches neither the devices nor the model
   */
  public static SplitPlan of(
      MemoryEstimate estimate, List<DeviceCapacity> devices, List<DeviceLayers> fixed) {
    var used = chosen(devices, fixed);
    checkCount(used);
    if (fixed.stream().anyMatch(device -> device.layers().isPresent())) {
      return new FitAdvice(estimate, used, true)
          .checked(positions(estimate, fixed, hasOutputAside(used)));
    }
    return LayerSplit.positions(estimate, used)
        .map(positions -> build(estimate, used, positions))
        .orElseThrow(() -> new FitAdvice(estimate, used, false).exception());
  }

  /**
   * The devices to use.
   *
   * @param fixed their names in order; an empty list uses all
   * @throws PlanException when one is not there, or named twice
   */
  public static List<DeviceCapacity> chosen(
      List<DeviceCapacity> devices, List<DeviceLayers> fixed) {
    return fixed.isEmpty() ? devices : choose(devices, fixed);
  }

  /** Whether the last device takes the output alone. */
  static boolean hasOutputAside(List<DeviceCapacity> devices) {
    return !devices.isEmpty() && devices.getLast().name().equals(HeadProcessor.DEVICE);
  }

  /**
   * Cuts every tensor in two: each device has a half of every layer and of its cache.
   *
   * @throws PlanException when there are not two devices, or a half does not fit
   */
  public static SplitPlan ofTensors(MemoryEstimate estimate, List<DeviceCapacity> devices) {
    checkCount(devices);
    int count = devices.size();
    if (count != 2) {
      throw new PlanException(
          PlanFault.SPLIT_MISMATCH,
          "split.mode Tensor takes two devices, and there are %d: %s. Name one of each worker in split.devices, or use mode Layer."
              .formatted(count, names(devices)));
    }
    long weights =
        estimate.sharedBytes()
            + Math.ceilDiv(
                estimate.layers().stream().mapToLong(MemoryEstimate.LayerMemory::weightsBytes).sum()
                    + estimate.outputBytes(),
                (long) count);
    long kv =
        Math.ceilDiv(
            estimate.layers().stream().mapToLong(MemoryEstimate.LayerMemory::kvBytes).sum(),
            (long) count);
    long compute = estimate.computeBytes(true, true, count);
    var plans = new ArrayList<DevicePlan>();
    for (var device : devices) {
      var plan =
          new DevicePlan(
              device.name(),
              device.description(),
              0,
              estimate.layers().size(),
              true,
              weights,
              kv,
              compute,
              device.freeBytes(),
              1.0 / count);
      if (plan.usedBytes() > device.freeBytes()) {
        throw new PlanException(
            PlanFault.DOES_NOT_FIT,
            "%s has %s free, and half of every tensor takes %s. Use a smaller model or context, or split.mode Layer over more workers."
                .formatted(
                    device.name(),
                    ByteSize.format(device.freeBytes()),
                    ByteSize.format(plan.usedBytes())));
      }
      plans.add(plan);
    }
    return new SplitPlan(plans);
  }

  private static List<DeviceCapacity> choose(
      List<DeviceCapacity> devices, List<DeviceLayers> fixed) {
    var chosen = new ArrayList<DeviceCapacity>();
    var names = new HashSet<String>();
    for (var wanted : fixed) {
      if (!names.add(wanted.name())) {
        throw new PlanException(
            PlanFault.SPLIT_MISMATCH,
            "split.devices names %s twice. Name each device once.".formatted(wanted.name()));
      }
      chosen.add(
          devices.stream()
              .filter(device -> device.name().equals(wanted.name()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new PlanException(
                          PlanFault.UNKNOWN_DEVICE,
                          "split.devices names %s, which is not there. Name it as one of these: %s."
                              .formatted(wanted.name(), names(devices)))));
    }
    if (hasOutputAside(devices)) {
      chosen.add(devices.getLast());
    }
    return chosen;
  }

  private static void checkCount(List<DeviceCapacity> devices) {
    if (devices.isEmpty()) {
      throw new PlanException(
          PlanFault.NO_DEVICES, "There is no device to place layers on. Start a worker.");
    }
    if (devices.size() > MAX_DEVICES) {
      throw new PlanException(
          PlanFault.TOO_MANY_DEVICES,
          "llama-server can use %d devices, and there are %d. Remove workers, or name the devices to use in split.devices; too many are: %s."
              .formatted(
                  MAX_DEVICES,
                  devices.size(),
                  names(devices.subList(MAX_DEVICES, devices.size()))));
    }
  }

  private static int[] positions(
      MemoryEstimate estimate, List<DeviceLayers> fixed, boolean outputAside) {
    var without =
        fixed.stream().filter(device -> device.layers().isEmpty()).map(DeviceLayers::name).toList();
    if (!without.isEmpty()) {
      throw new PlanException(
          PlanFault.SPLIT_MISMATCH,
          "split.devices gives layers for some devices but not for %s. Give them for all or for none."
              .formatted(String.join(", ", without)));
    }
    int sum = fixed.stream().mapToInt(device -> device.layers().orElse(0)).sum();
    int layers = estimate.layers().size();
    if (sum != layers || fixed.stream().anyMatch(device -> device.layers().orElse(0) < 0)) {
      throw new PlanException(
          PlanFault.SPLIT_MISMATCH,
          "split.devices places %d layers, but the model has %d (the output is not counted). Change the numbers so that they sum to %d."
              .formatted(sum, layers, layers));
    }
    var positions = fixed.stream().mapToInt(device -> device.layers().orElse(0)).toArray();
    if (outputAside) {
      var withOutput = Arrays.copyOf(positions, positions.length + 1);
      withOutput[positions.length] = 1;
      return withOutput;
    }
    int last = positions.length - 1;
    if (!fixed.getLast().onHead()) {
      while (last > 0 && positions[last] == 0) {
        last--;
      }
    }
    positions[last]++; // the output goes with the last layer, or alone to a device of the head
    return positions;
  }

  static SplitPlan build(MemoryEstimate estimate, List<DeviceCapacity> devices, int[] positions) {
    var plans = new ArrayList<DevicePlan>();
    int layerCount = estimate.layers().size();
    int next = 0;
    double placed = estimate.weightsBytes() + estimate.kvBytes();
    for (int i = 0; i < positions.length; i++) {
      int end = next + positions[i];
      boolean output = positions[i] > 0 && end == layerCount + 1;
      var mine = estimate.layers().subList(Math.min(next, layerCount), Math.min(end, layerCount));
      long weights = mine.stream().mapToLong(MemoryEstimate.LayerMemory::weightsBytes).sum();
      long kv = mine.stream().mapToLong(MemoryEstimate.LayerMemory::kvBytes).sum();
      long compute = 0;
      if (!mine.isEmpty()) {
        weights += estimate.sharedBytes();
        compute = estimate.computeBytes(next == 0, output, devices.size());
      } else if (output) {
        compute = estimate.outputComputeBytes();
      }
      weights += output ? estimate.outputBytes() : 0;
      var device = devices.get(i);
      plans.add(
          new DevicePlan(
              device.name(),
              device.description(),
              Math.min(next, layerCount),
              mine.size(),
              output,
              weights,
              kv,
              compute,
              device.freeBytes(),
              placed > 0 ? (weights + kv) / placed : 0));
      next = end;
    }
    return new SplitPlan(plans);
  }

  private static String names(List<DeviceCapacity> devices) {
    return devices.stream().map(DeviceCapacity::name).collect(Collectors.joining(", "));
  }

  /** The devices to hand to llama-server, in order. */
  public List<DevicePlan> devices() {
    return devices;
  }

  /**
   * Positions of each device as whole numbers; their sum is the number of layers and one, or that
   * for each device where tensors are cut.
   */
  public List<Integer> tensorSplit() {
    return devices.stream().map(DevicePlan::positions).toList();
  }

  /**
   * The part of llama-server's arguments that fixes the split. The caller adds {@code --device}
   * with llama.cpp's names of the devices, in the order of {@link #devices()}.
   */
  public List<String> arguments() {
    var split = tensorSplit().stream().map(String::valueOf).collect(Collectors.joining(","));
    return List.of(
        "--n-gpu-layers", "all", "--split-mode", "layer", "--tensor-split", split, "--fit", "off");
  }

  /** The device that takes a layer; the number of layers names the output. */
  public DevicePlan deviceOf(int layer) {
    int next = 0;
    for (var device : devices) {
      next += device.positions();
      if (layer >= 0 && layer < next) {
        return device;
      }
    }
    throw new IndexOutOfBoundsException("No layer " + layer + " in a plan of " + next);
  }

  /** Devices that take neither a layer nor the output. */
  public List<DevicePlan> idleDevices() {
    return IntStream.range(0, devices.size())
        .mapToObj(devices::get)
        .filter(device -> device.positions() == 0)
        .toList();
  }
}
