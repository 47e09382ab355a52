// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.plan.DevicePlan;
import dev.knarr.plan.SplitPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What has been seen of the weights on their way: how many bytes, and which layers went to which
 * device. Any thread.
 */
final class WeightLedger {

  private static final Pattern LAYER = Pattern.compile("blk\\.(\\d{1,5})\\..*");

  /** llama.cpp marks its copies of a graph's inputs so; they are no weights. */
  private static final char INPUT_MARK = '#';

  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong plannedBytes = new AtomicLong();
  private final Map<String, WorkerLoad> loads = new ConcurrentHashMap<>();
  private final Map<String, Set<Integer>> layersOfDevice = new ConcurrentHashMap<>();
  private volatile boolean open;

  /** What one worker has been brought. */
  private record WorkerLoad(long planned, AtomicLong bytes, AtomicLong knownBytes) {}

  /**
   * Begins a new load.
   *
   * @param planned bytes of all weights
   * @param plannedOfWorker bytes of each worker's weights
   */
  void begin(long planned, Map<String, Long> plannedOfWorker) {
    layersOfDevice.clear();
    loads.clear();
    plannedOfWorker.forEach(
        (worker, itsBytes) ->
            loads.put(worker, new WorkerLoad(itsBytes, new AtomicLong(), new AtomicLong())));
    bytes.set(0);
    plannedBytes.set(planned);
    open = true;
  }

  /** The load is over: what follows is work. */
  void end() {
    open = false;
  }

  /**
   * Notes a tensor whose data went to a device.
   *
   * @param known whether the worker had the data already
   */
  void add(String worker, int device, String tensor, long tensorBytes, boolean known) {
    if (!open || tensor.indexOf(INPUT_MARK) >= 0) {
      return;
    }
    bytes.addAndGet(tensorBytes);
    WorkerLoad load = loads.get(worker);
    if (load != null) {
      load.bytes().addAndGet(tensorBytes);
      load.knownBytes().addAndGet(known ? tensorBytes : 0);
    }
    Matcher layer = LAYER.matcher(tensor);
    if (layer.matches()) {
      layersOfDevice
          .computeIfAbsent(worker + "/" + device, _ -> new ConcurrentSkipListSet<>())
          .add(Integer.valueOf(layer.group(1)));
    }
  }

  long bytes() {
    return bytes.get();
  }

  /** How much of the planned weights has been seen, 0 to 1. */
  double ratio() {
    long planned = plannedBytes.get();
    return planned <= 0 ? 0 : Math.min(1.0, (double) bytes.get() / planned);
  }

  int percent() {
    return (int) (100 * ratio());
  }

  /**
   * Returns how much of its planned weights a worker has, 0 to 100; null when nothing is brought.
   */
  @Nullable Integer loadPercent(String worker) {
    WorkerLoad load = loads.get(worker);
    return open && load != null ? percent(load.bytes().get(), load.planned()) : null;
  }

  /** Returns how much of what a worker was brought it had already, 0 to 100; null before that. */
  @Nullable Integer cachedPercent(String worker) {
    WorkerLoad load = loads.get(worker);
    return load != null && load.bytes().get() > 0
        ? percent(load.knownBytes().get(), load.bytes().get())
        : null;
  }

  private static int percent(long part, long whole) {
    return whole <= 0 ? 0 : (int) Math.min(100, part * 100.0 / whole);
  }

  /**
   * Compares what was seen with the plan.
   *
   * @return a sentence for each layer that is elsewhere; empty when all is as planned
   */
  List<String> deviations(SplitPlan plan) {
    List<String> sentences = new ArrayList<>();
    for (DevicePlan device : plan.devices()) {
      if (device.ofLlamaServer()) {
        continue; // What llama-server keeps for itself does not come by.
      }
      Set<Integer> seen = layersOfDevice.getOrDefault(device.name(), Set.of());
      List<Integer> missing = new ArrayList<>();
      for (int layer = device.firstLayer();
          layer < device.firstLayer() + device.layers();
          layer++) {
        if (!seen.contains(layer)) {
          missing.add(layer);
        }
      }
      if (!missing.isEmpty()) {
        sentences.add(
            "llama-server did not place layers "
                + missing
                + " on "
                + device.name()
                + " as planned (layers seen there: "
                + seen
                + "). Memory and traffic differ from the plan; look for arguments that move"
                + " tensors.");
      }
    }
    return sentences;
  }
}
