// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.HashSet;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Rules of {@code spec.split}. */
final class SplitRules {
  private static final int MAX_DEVICES = 14;
  private static final int MAX_LAYERS = 4096;
  private static final Pattern WORKER_DEVICE = Pattern.compile("(.+)-" + Patterns.WORKER_DEVICE);

  /** {@link #known} of every device, in CEL; of the spec, since the groups stand there. */
  static final String KNOWN =
      "!has(self.split.devices) || self.split.devices.all(d, !has(d.name) || d.name.trim() == ''"
          + " || d.name.matches(r'^("
          + Patterns.HEAD_DEVICE
          + ")$') || has(self.workers) && self.workers.exists(w, d.name.startsWith(w.name + '-')"
          + " && d.name.substring(w.name.size() + 1).matches(r'^("
          + Patterns.WORKER_DEVICE
          + ")$') && int(d.name.substring(w.name.size() + 1, d.name.indexOf('/'))) < w.replicas))";

  private SplitRules() {}

  static void check(InferenceClusterSpec spec, RuleChecks found) {
    var split = spec.getSplit();
    if (split != null
        && split.getMode() == SplitMode.TENSOR
        && split.getOutput() == OutputPlacement.HEAD) {
      found.add("spec.split.output", Sentences.SPLIT_OUTPUT);
    }
    var devices = split == null ? null : split.getDevices();
    if (split == null || devices == null) {
      return;
    }
    if (devices.size() > MAX_DEVICES) {
      found.add("spec.split.devices", Sentences.SPLIT_COUNT);
    }
    var names = new HashSet<String>();
    long withLayers = 0;
    for (int i = 0; i < devices.size(); i++) {
      var field = "spec.split.devices[" + i + "]";
      var device = devices.get(i);
      var name = device.getName();
      if (found.required(field + ".name", name) && name != null) {
        if (!known(name, spec.getWorkers())) {
          found.add(field + ".name", Sentences.SPLIT_NAME);
        }
        if (!names.add(name)) {
          found.add(field + ".name", Sentences.SPLIT_UNIQUE);
        }
      }
      found.range(field + ".layers", device.getLayers(), 0, MAX_LAYERS, Sentences.SPLIT_LAYERS);
      withLayers += device.getLayers() == null ? 0 : 1;
    }
    if (withLayers > 0 && withLayers < devices.size()) {
      found.add("spec.split.devices", Sentences.SPLIT_ALL_OR_NONE);
    }
    if (withLayers > 0 && split.getMode() == SplitMode.TENSOR) {
      found.add("spec.split.mode", Sentences.SPLIT_TENSOR);
    }
  }

  private static boolean known(String name, @Nullable List<WorkerGroupSpec> groups) {
    if (name.matches(Patterns.HEAD_DEVICE)) {
      return true;
    }
    var matcher = WORKER_DEVICE.matcher(name);
    if (!matcher.matches() || groups == null) {
      return false;
    }
    int index = Integer.parseInt(matcher.group(2));
    return groups.stream()
        .anyMatch(
            group ->
                matcher.group(1).equals(group.getName())
                    && index < (group.getReplicas() == null ? 1 : group.getReplicas()));
  }
}
