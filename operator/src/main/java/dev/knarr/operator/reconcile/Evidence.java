// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.DevicePlanStatus;
import dev.knarr.api.v1alpha1.PlanStatus;
import dev.knarr.api.v1alpha1.TokenRates;
import dev.knarr.api.v1alpha1.WorkerDeviceStatus;
import dev.knarr.api.v1alpha1.WorkerStatus;
import dev.knarr.operator.observe.HeadAnswer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a head has shown, in the words and units of the status; pure functions. */
final class Evidence {
  /** llama-server takes 14 devices; a hostile head may name any number. */
  private static final int MOST_DEVICES = 32;

  private static final int LOADED = 100;

  private Evidence() {}

  static @Nullable PlanStatus plan(HeadAnswer head) {
    var plan = head.plan();
    if (plan == null) {
      return null;
    }
    var status = new PlanStatus();
    var bytesPerToken = plan.bytesPerToken();
    status.setBytesPerToken(bytesPerToken == null ? null : HumanUnits.decimal(bytesPerToken));
    status.setDevices(plan.devices().stream().limit(MOST_DEVICES).map(Evidence::planned).toList());
    return status;
  }

  private static DevicePlanStatus planned(HeadAnswer.PlannedDevice device) {
    var status = new DevicePlanStatus();
    status.setName(device.name());
    status.setLayers(layers(device));
    status.setWeights(HumanUnits.binary(device.weightsBytes()));
    status.setKv(HumanUnits.binary(device.kvBytes()));
    status.setFree(
        HumanUnits.binary(
            device.freeBytes() - device.weightsBytes() - device.kvBytes() - device.computeBytes()));
    return status;
  }

  private static String layers(HeadAnswer.PlannedDevice device) {
    if (!device.output()) {
      return device.layers();
    }
    return device.layers().isEmpty() ? "output" : device.layers() + ", output";
  }

  /** The workers of the spec, in its order, as far as the head knows them. */
  static List<WorkerStatus> workers(HeadAnswer head, List<String> names) {
    return names.stream()
        .flatMap(
            name ->
                head.workers().stream()
                    .filter(worker -> worker.name().equals(name))
                    .limit(1)
                    .map(Evidence::worker))
        .toList();
  }

  private static WorkerStatus worker(HeadAnswer.Worker worker) {
    var status = new WorkerStatus();
    status.setName(worker.name());
    status.setProtocol(worker.protocol());
    status.setDevices(worker.devices().stream().limit(MOST_DEVICES).map(Evidence::device).toList());
    status.setCachedPercent(worker.cachedPercent());
    var load = worker.loadPercent();
    status.setLoadPercent(load == null || load >= LOADED ? null : load);
    status.setLastSeen(worker.lastSeen());
    return status;
  }

  private static WorkerDeviceStatus device(HeadAnswer.Device device) {
    var status = new WorkerDeviceStatus();
    status.setName(device.name());
    status.setDescription(device.description());
    status.setMemory(device.totalBytes() > 0 ? HumanUnits.binary(device.totalBytes()) : null);
    return status;
  }

  static @Nullable TokenRates rates(HeadAnswer head) {
    var rates = head.tokensPerSecond();
    if (rates.equals(HeadAnswer.Rates.NONE)) {
      return null;
    }
    var status = new TokenRates();
    status.setGeneration(HumanUnits.rate(rates.generation()));
    status.setPrompt(HumanUnits.rate(rates.prompt()));
    return status;
  }
}
