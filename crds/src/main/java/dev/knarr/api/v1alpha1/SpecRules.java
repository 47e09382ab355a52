// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.ArrayList;
import java.util.List;

/**
 * The rules every InferenceCluster must meet, for files and for Kubernetes; pure functions. All
 * broken rules are given, in the order of the fields. Types, units and unknown fields are not
 * looked at here: a bean has none.
 */
public final class SpecRules {
  private SpecRules() {}

  /** The rules that hold everywhere. */
  public static List<Violation> check(InferenceCluster cluster) {
    var found = new RuleChecks();
    var name = cluster.getMetadata() == null ? null : cluster.getMetadata().getName();
    if (found.required("metadata.name", name)) {
      found.pattern("metadata.name", name, Patterns.CLUSTER_NAME, Sentences.NAME);
    }
    var spec = cluster.getSpec();
    if (found.required("spec", spec) && spec != null) {
      found.range("spec.replicas", spec.getReplicas(), 0, 1, Sentences.REPLICAS);
      ModelRules.check(spec.getModel(), found);
      WorkerRules.check(spec.getWorkers(), found);
      SplitRules.check(spec, found);
      HeadRules.check(spec.getHead(), found);
      HeadRules.checkNetwork(spec.getNetwork(), found);
      HeadRules.checkRecovery(spec.getRecovery(), found);
    }
    return found.violations();
  }

  /** What local mode cannot do: sources other than path, http and huggingFace. */
  public static List<Violation> checkLocal(InferenceCluster cluster) {
    var found = new ArrayList<Violation>();
    for (var entry : ModelRules.sources(cluster)) {
      var source = entry.source();
      if (source.getClaim() != null) {
        found.add(new Violation(entry.field() + ".claim", Sentences.LOCAL_SOURCE));
      }
      if (source.getHostPath() != null) {
        found.add(new Violation(entry.field() + ".hostPath", Sentences.LOCAL_SOURCE));
      }
      if (source.getImage() != null) {
        found.add(new Violation(entry.field() + ".image", Sentences.LOCAL_SOURCE));
      }
    }
    return List.copyOf(found);
  }

  /** What Kubernetes cannot do: a path of the user's machine. */
  public static List<Violation> checkKubernetes(InferenceCluster cluster) {
    return ModelRules.sources(cluster).stream()
        .filter(entry -> entry.source().getPath() != null)
        .map(entry -> new Violation(entry.field() + ".path", Sentences.KUBERNETES_PATH))
        .toList();
  }
}
