// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Scene;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.random.RandomGenerator;

/**
 * What a cluster of the chaos looks like. Immutable.
 *
 * @param source where its model comes from
 * @param groups how many workers each of its groups has
 * @param replicas 0 or 1
 * @param encrypted whether its certificates are managed
 * @param guarded whether it has NetworkPolicies
 * @param argument something that changes the workers' template
 */
record Shape(
    Source source,
    List<Integer> groups,
    int replicas,
    boolean encrypted,
    boolean guarded,
    int argument) {
  /** Where a model comes from, and whether a Job brings it and a claim keeps it. */
  enum Source {
    CLAIM("source: { claim: { claimName: models, path: model.gguf } }", true, false),
    OTHER_CLAIM("source: { claim: { claimName: models, path: other.gguf } }", true, false),
    FETCHED(
        "source: { huggingFace: { repo: a/b, file: m.gguf } }, storage: { claim: { size: 1Gi } }",
        true,
        true),
    BY_HEAD("source: { http: { url: \"https://example.org/m.gguf\" } }", false, false);

    private final String yaml;
    private final boolean job;
    private final boolean claim;

    Source(String yaml, boolean job, boolean claim) {
      this.yaml = yaml;
      this.job = job;
      this.claim = claim;
    }
  }

  private static final int MOST_GROUPS = 3;
  private static final int MOST_WORKERS = 3;

  static Shape random(RandomGenerator random) {
    var groups = new ArrayList<Integer>();
    int count = random.nextInt(1, MOST_GROUPS + 1);
    for (int i = 0; i < count; i++) {
      groups.add(random.nextInt(1, MOST_WORKERS + 1));
    }
    return new Shape(
        Source.values()[random.nextInt(Source.values().length)],
        List.copyOf(groups),
        1,
        random.nextInt(4) > 0,
        random.nextInt(4) > 0,
        0);
  }

  /** This, but for one thing. */
  Shape changed(RandomGenerator random) {
    var other = random(random);
    return switch (random.nextInt(6)) {
      case 0 -> new Shape(other.source, groups, replicas, encrypted, guarded, argument);
      case 1 -> new Shape(source, other.groups, replicas, encrypted, guarded, argument);
      case 2 -> new Shape(source, groups, 1 - replicas, encrypted, guarded, argument);
      case 3 -> new Shape(source, groups, replicas, !encrypted, guarded, argument);
      case 4 -> new Shape(source, groups, replicas, encrypted, !guarded, argument);
      default -> new Shape(source, groups, replicas, encrypted, guarded, argument + 1);
    };
  }

  /** A cluster of this shape. */
  InferenceCluster cluster(String namespace, String name) {
    var workers = new StringBuilder();
    for (int i = 0; i < groups.size(); i++) {
      workers.append(
          "    - { name: %s, replicas: %d, backend: cpu, env: [ { name: TURN, value: \"%d\" } ] }\n"
              .formatted(group(i), groups.get(i), argument));
    }
    return Scene.yaml(
        InferenceCluster.class,
        """
        apiVersion: knarr.dev/v1alpha1
        kind: InferenceCluster
        metadata: { namespace: %s, name: %s }
        spec:
          replicas: %d
          model: { name: m, %s }
          network: { tls: { mode: %s }, policy: %s }
          workers:
        %s"""
            .formatted(
                namespace,
                name,
                replicas,
                source.yaml,
                encrypted ? "Managed" : "Disabled",
                guarded ? "Managed" : "Disabled",
                workers));
  }

  static String group(int index) {
    return "g" + index;
  }

  /** The objects of a cluster of this shape, as KIND NAME; a Job's name without its hash. */
  Set<String> objects(String name) {
    var objects =
        new TreeSet<>(
            Set.of(
                "ConfigMap %s-head".formatted(name),
                "ConfigMap %s-model".formatted(name),
                "Deployment %s-head".formatted(name),
                "PodDisruptionBudget " + name,
                "PodMonitor " + name,
                "Service " + name));
    for (int i = 0; i < groups.size(); i++) {
      objects.add("Service %s-%s".formatted(name, group(i)));
      objects.add("StatefulSet %s-%s".formatted(name, group(i)));
    }
    if (source.job) {
      objects.add("Job %s-model".formatted(name));
    }
    if (source.claim) {
      objects.add("PersistentVolumeClaim %s-model".formatted(name));
    }
    if (encrypted) {
      objects.add("Secret %s-ca".formatted(name));
      objects.add("Secret %s-tls".formatted(name));
    }
    if (guarded) {
      objects.add("NetworkPolicy %s-head".formatted(name));
      objects.add("NetworkPolicy %s-workers".formatted(name));
      objects.add("NetworkPolicy %s-model".formatted(name));
    }
    return objects;
  }
}
