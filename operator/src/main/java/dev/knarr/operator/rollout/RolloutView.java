// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.operator.Labels;
import dev.knarr.operator.observe.Observation;
import dev.knarr.operator.observe.Part;
import dev.knarr.operator.observe.PodView;
import dev.knarr.operator.rollout.RolloutState.Group;
import dev.knarr.operator.rollout.RolloutState.RunningPod;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What of an observation matters for a rollout. Pure functions. */
public final class RolloutView {
  private RolloutView() {}

  /**
   * What runs, and what should.
   *
   * @param revisions the revision that each group's pods are to have
   */
  public static RolloutState of(
      ResolvedSpec spec, Map<String, String> revisions, Observation seen) {
    var groups = new ArrayList<Group>();
    for (var group : spec.workers()) {
      var set = find(seen, group.name());
      groups.add(
          group(
              group.name(),
              group.replicas(),
              Objects.requireNonNullElse(revisions.get(group.name()), ""),
              set,
              seen));
    }
    for (var set : seen.statefulSets()) {
      var name = label(set, Labels.GROUP);
      if (spec.workers().stream().noneMatch(group -> group.name().equals(name))) {
        // Nobody asks for its pods to be of a later revision, since they go.
        groups.add(group(name, 0, revision(template(set)), Optional.of(set), seen));
      }
    }
    var head = seen.podsOf(Part.HEAD).stream().filter(pod -> !pod.ended()).toList();
    return new RolloutState(spec.replicas(), pods(head), groups);
  }

  private static Group group(
      String name, int wanted, String revision, Optional<StatefulSet> set, Observation seen) {
    var pods =
        seen.podsOf(Part.WORKER).stream()
            .filter(pod -> pod.group().equals(name))
            .filter(pod -> !pod.ended())
            .toList();
    return new Group(
        name,
        wanted,
        running(seen, name),
        revision,
        set.filter(known -> settled(known, revision)).isPresent(),
        pods(pods));
  }

  /** How many workers the StatefulSet of a group is set to; 0 when there is none. */
  public static int running(Observation seen, String group) {
    return find(seen, group)
        .map(StatefulSet::getSpec)
        .map(spec -> or(spec.getReplicas(), 1))
        .orElse(0);
  }

  private static boolean settled(StatefulSet set, String revision) {
    return set.getStatus() != null
        && or(set.getStatus().getObservedGeneration(), 0L)
            >= or(set.getMetadata().getGeneration(), 0L)
        && revision(template(set)).equals(revision);
  }

  private static ObjectMeta template(StatefulSet set) {
    return set.getSpec().getTemplate().getMetadata();
  }

  private static Optional<StatefulSet> find(Observation seen, String group) {
    return seen.statefulSets().stream()
        .filter(set -> label(set, Labels.GROUP).equals(group))
        .findFirst();
  }

  private static List<RunningPod> pods(List<PodView> pods) {
    return pods.stream()
        .map(pod -> new RunningPod(pod.name(), revision(pod.pod().getMetadata()), pod.deleting()))
        .toList();
  }

  /** The revision that a template or a pod made from it names; empty for none. */
  public static String revision(ObjectMeta metadata) {
    return or(metadata.getAnnotations(), Map.<String, String>of())
        .getOrDefault(Labels.REVISION, "");
  }

  private static String label(HasMetadata object, String name) {
    return or(object.getMetadata().getLabels(), Map.<String, String>of()).getOrDefault(name, "");
  }

  private static <T> T or(@Nullable T value, T otherwise) {
    return Objects.requireNonNullElse(value, otherwise);
  }
}
