// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Rules of {@code spec.workers}. */
final class WorkerRules {
  private static final int MAX_GROUPS = 32;
  private static final int MAX_DEVICES = 14;

  private WorkerRules() {}

  static void check(@Nullable List<WorkerGroupSpec> groups, RuleChecks found) {
    if (groups == null || groups.isEmpty() || groups.size() > MAX_GROUPS) {
      found.add("spec.workers", Sentences.WORKER_GROUPS);
    }
    if (groups == null) {
      return;
    }
    var names = new HashSet<String>();
    for (int i = 0; i < groups.size(); i++) {
      checkGroup("spec.workers[" + i + "]", groups.get(i), names, found);
    }
  }

  private static void checkGroup(
      String field, WorkerGroupSpec group, Set<String> names, RuleChecks found) {
    var name = group.getName();
    if (found.required(field + ".name", name) && name != null) {
      found.pattern(field + ".name", name, Patterns.GROUP_NAME, Sentences.GROUP_NAME);
      if (name.equals("head") || name.equals("ca")) {
        found.add(field + ".name", Sentences.GROUP_RESERVED);
      }
      if (!names.add(name)) {
        found.add(field + ".name", Sentences.GROUP_UNIQUE);
      }
    }
    found.range(field + ".replicas", group.getReplicas(), 0, 64, Sentences.GROUP_REPLICAS);
    found.required(field + ".backend", group.getBackend());
    checkDevices(field + ".devices", group.getDevices(), found);
    var claims = group.getResourceClaims();
    if (group.getDevices() != null && claims != null && !claims.isEmpty()) {
      found.add(field + ".resourceClaims", Sentences.ONE_DEVICE_REQUEST);
    }
    var cache = group.getTensorCache();
    if (cache != null) {
      found.positive(field + ".tensorCache.size", cache.getSize());
      if (cache.getClaim() != null) {
        found.positive(field + ".tensorCache.claim.size", cache.getClaim().getSize());
      }
      if (RuleChecks.count(cache.getEmptyDir(), cache.getClaim(), cache.getHostPath()) > 1) {
        found.add(field + ".tensorCache", Sentences.ONE_CACHE);
      }
      found.absolutePath(field + ".tensorCache.hostPath.path", cache.getHostPath());
    }
  }

  static void checkDevices(String field, @Nullable DeviceRequest devices, RuleChecks found) {
    if (devices != null) {
      found.required(field + ".resource", devices.getResource());
      found.range(field + ".count", devices.getCount(), 1, MAX_DEVICES, Sentences.DEVICE_COUNT);
    }
  }
}
