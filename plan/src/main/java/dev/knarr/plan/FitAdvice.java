// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Says by how much a model does not fit, and tries what would help; only proven advice is given.
 */
final class FitAdvice {
  private static final long MAX_EXTRA_BYTES = 1L << 50;
  private static final long SIZE_STEP = 64L << 20;

  private final MemoryEstimate estimate;
  private final List<DeviceCapacity> devices;
  private final boolean fixed;
  private int[] positions = {};

  FitAdvice(MemoryEstimate estimate, List<DeviceCapacity> devices, boolean fixed) {
    this.estimate = estimate;
    this.devices = devices;
    this.fixed = fixed;
  }

  /** The plan with exactly these positions, or the exception that names the device that is full. */
  SplitPlan checked(int[] fixedPositions) {
    this.positions = fixedPositions;
    var plan = SplitPlan.build(estimate, devices, fixedPositions);
    for (var device : plan.devices()) {
      if (device.usedBytes() > device.freeBytes()) {
        long missing = device.usedBytes() - device.freeBytes();
        var what =
            "%s does not fit as split.devices has it: %s needs %s for layers %s (weights %s, cache %s, compute about %s) and has %s free, %s too little."
                .formatted(
                    estimate.modelName(),
                    device.name(),
                    ByteSize.format(device.usedBytes()),
                    device.layersText(),
                    ByteSize.format(device.weightsBytes()),
                    ByteSize.format(device.kvBytes()),
                    ByteSize.format(device.computeBytes()),
                    ByteSize.format(device.freeBytes()),
                    ByteSize.format(missing));
        throw new ModelDoesNotFitException(what, device.name(), missing, remedies());
      }
    }
    return plan;
  }

  ModelDoesNotFitException exception() {
    long need = estimate.weightsBytes() + estimate.kvBytes();
    long free = 0;
    for (int i = 0; i < devices.size(); i++) {
      need += estimate.computeBytes(i == 0, i == devices.size() - 1, devices.size());
      free += devices.get(i).freeBytes();
    }
    var single = devices.size() == 1;
    long missing = Math.max(need - free, 0);
    var what =
        "%s does not fit: it needs about %s (weights %s, cache %s for %d × %d tokens, the rest for computing), and %s free%s."
            .formatted(
                estimate.modelName(),
                ByteSize.format(need),
                ByteSize.format(estimate.weightsBytes()),
                ByteSize.format(estimate.kvBytes()),
                estimate.options().parallelSequences(),
                estimate.contextLength(),
                single
                    ? "%s has %s".formatted(devices.getFirst().name(), ByteSize.format(free))
                    : "the %d devices together have %s"
                        .formatted(devices.size(), ByteSize.format(free)),
                missing > 0
                    ? ", %s too little".formatted(ByteSize.format(missing))
                    : ", but whole layers cannot be cut to fill every device");
    return new ModelDoesNotFitException(
        what, single ? devices.getFirst().name() : "", missing, remedies());
  }

  private List<String> remedies() {
    var remedies = new ArrayList<String>();
    smallerContext(remedies);
    fewerSequences(remedies);
    smallerCache(remedies);
    if (fixed) {
      LayerSplit.positions(estimate, devices)
          .ifPresent(
              _ ->
                  remedies.add(
                      "leave out the layers in split.devices: the planner finds a split that fits"));
    }
    anotherDevice(remedies);
    return remedies;
  }

  private boolean fits(ContextOptions options) {
    var other = estimate.with(options);
    if (!fixed) {
      return LayerSplit.positions(other, devices).isPresent();
    }
    return SplitPlan.build(other, devices, positions).devices().stream()
        .allMatch(device -> device.usedBytes() <= device.freeBytes());
  }

  private void smallerContext(List<String> remedies) {
    int low = 0;
    int high = (int) Math.min(estimate.contextLength() / CacheLayout.CELL_STEP, 1 << 22);
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (fits(estimate.options().withContextLength(middle * (int) CacheLayout.CELL_STEP))) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    if (low > 0) {
      remedies.add(
          "a smaller context: contextLength of at most %d fits"
              .formatted(low * (int) CacheLayout.CELL_STEP));
    }
  }

  private void fewerSequences(List<String> remedies) {
    for (int n = estimate.options().parallelSequences() - 1; n > 0; n--) {
      if (fits(estimate.options().withParallelSequences(n))) {
        remedies.add("fewer parallel sequences: parallelSequences of at most %d fits".formatted(n));
        return;
      }
    }
  }

  private void smallerCache(List<String> remedies) {
    var options = estimate.options();
    long elements = options.keyGgmlType().rowBytes(256) + options.valueGgmlType().rowBytes(256);
    boolean smaller = elements > 2 * dev.knarr.gguf.GgmlType.Q8_0.rowBytes(256);
    if (smaller
        && options.flashAttention() != FlashAttention.OFF
        && fits(options.withCacheTypes("q8_0", "q8_0"))) {
      remedies.add("a smaller cache: kvCache keyType and valueType q8_0 fit");
    }
  }

  private void anotherDevice(List<String> remedies) {
    if (fixed || devices.size() >= SplitPlan.MAX_DEVICES) {
      remedies.add("devices with more free memory, or a smaller quantisation of the model");
      return;
    }
    long low = 0;
    long high = SIZE_STEP;
    while (high < MAX_EXTRA_BYTES && !fitsWith(high)) {
      low = high;
      high *= 2;
    }
    while (high - low > SIZE_STEP) {
      long middle = low + (high - low) / 2;
      if (fitsWith(middle)) {
        high = middle;
      } else {
        low = middle;
      }
    }
    remedies.add(
        String.format(
            Locale.ROOT,
            "another device with %s free, or a smaller quantisation of the model",
            ByteSize.format(high)));
  }

  private boolean fitsWith(long extraBytes) {
    var more = new ArrayList<>(devices);
    int place = SplitPlan.hasOutputAside(devices) ? devices.size() - 1 : devices.size();
    more.add(place, new DeviceCapacity("another", "", extraBytes, extraBytes));
    return LayerSplit.positions(estimate, more).isPresent();
  }
}
