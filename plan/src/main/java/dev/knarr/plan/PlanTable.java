// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Prints a plan for people. */
public final class PlanTable {
  private static final List<String> HEADINGS =
      List.of("DEVICE", "LAYERS", "WEIGHTS", "KV", "COMPUTE", "USED", "FREE", "SHARE");

  private PlanTable() {}

  /**
   * A heading line about the model, one row per device and a line of totals; ends with a newline.
   * FREE is what a device had before; SHARE its part of weights and cache.
   */
  public static String render(SplitPlan plan, MemoryEstimate estimate) {
    var rows = new ArrayList<List<String>>();
    rows.add(HEADINGS);
    for (var device : plan.devices()) {
      rows.add(
          row(
              device.name(),
              device.layersText(),
              device.weightsBytes(),
              device.kvBytes(),
              device.computeBytes(),
              device.freeBytes(),
              device.share()));
    }
    rows.add(
        row(
            "total",
            estimate.layers().size() + " + output",
            plan.devices().stream().mapToLong(DevicePlan::weightsBytes).sum(),
            plan.devices().stream().mapToLong(DevicePlan::kvBytes).sum(),
            plan.devices().stream().mapToLong(DevicePlan::computeBytes).sum(),
            plan.devices().stream().mapToLong(DevicePlan::freeBytes).sum(),
            plan.devices().stream().mapToDouble(DevicePlan::share).sum()));
    return "%s (%s), %d layers, %d × %d tokens of context, cache %s/%s%n%n%s%nThe head keeps %s of input embedding in its own memory.%n"
        .formatted(
            estimate.modelName(),
            estimate.architecture(),
            estimate.layers().size(),
            estimate.options().parallelSequences(),
            estimate.contextLength(),
            estimate.options().keyType(),
            estimate.options().valueType(),
            align(rows),
            ByteSize.format(estimate.inputBytes()));
  }

  private static List<String> row(
      String name, String layers, long weights, long kv, long compute, long free, double share) {
    return List.of(
        name,
        layers,
        ByteSize.format(weights),
        ByteSize.format(kv),
        ByteSize.format(compute),
        ByteSize.format(weights + kv + compute),
        ByteSize.format(free),
        String.format(Locale.ROOT, "%.0f %%", share * 100));
  }

  private static String align(List<List<String>> rows) {
    var widths = new int[HEADINGS.size()];
    for (var row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    var text = new StringBuilder();
    for (var row : rows) {
      var line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        boolean left = i < 2;
        var padding = " ".repeat(widths[i] - row.get(i).length());
        line.append(left ? row.get(i) + padding : padding + row.get(i));
        line.append(i < widths.length - 1 ? "  " : "");
      }
      text.append(line.toString().stripTrailing()).append(System.lineSeparator());
    }
    return text.toString();
  }
}
