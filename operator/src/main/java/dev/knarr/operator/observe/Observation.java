// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimVolumeSource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What is known about one cluster at one moment. Immutable, except for the Kubernetes objects,
 * which nobody changes.
 *
 * @param at the moment
 * @param pods its pods
 * @param statefulSets its groups of workers
 * @param deployment its head
 * @param modelJob what brings or checks the model, where that is a Job
 * @param claims claims that are needed, by name; empty for one that is not there. Only looked up
 *     while a pod waits for them
 * @param nodes nodes whose pods give reason to ask
 * @param events what Kubernetes said of objects in trouble; only looked up for those
 * @param headAnswer what the pod of the head said
 * @param fetchAnswer what the pod that brings the model said
 * @param llamaServerRestarts how often the head started llama-server again since the last look
 */
public record Observation(
    Instant at,
    List<Pod> pods,
    List<StatefulSet> statefulSets,
    Optional<Deployment> deployment,
    Optional<Job> modelJob,
    Map<String, Optional<PersistentVolumeClaim>> claims,
    Map<String, NodeState> nodes,
    List<Event> events,
    Optional<Answer> headAnswer,
    Optional<Answer> fetchAnswer,
    int llamaServerRestarts) {
  /** Copies the collections. */
  public Observation {
    pods = List.copyOf(pods);
    statefulSets = List.copyOf(statefulSets);
    claims = Map.copyOf(claims);
    nodes = Map.copyOf(nodes);
    events = List.copyOf(events);
  }

  /** What is known of a cluster of which nothing exists yet. */
  public static Observation empty(Instant at) {
    return new Observation(
        at,
        List.of(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        Map.of(),
        Map.of(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        0);
  }

  /** The groups that have a StatefulSet. */
  public Set<String> groups() {
    return statefulSets.stream()
        .map(set -> PodView.label(set, Labels.GROUP))
        .collect(Collectors.toUnmodifiableSet());
  }

  /** The pods of a part, oldest first. */
  public List<PodView> podsOf(Part part) {
    return pods.stream()
        .map(PodView::new)
        .filter(pod -> pod.part() == part)
        .sorted(
            Comparator.comparing(
                    (PodView pod) ->
                        Objects.requireNonNullElse(
                            pod.pod().getMetadata().getCreationTimestamp(), ""))
                .thenComparing(PodView::name))
        .toList();
  }

  /** The pod in which the head runs, or will: the newest that has not been told to end. */
  public Optional<PodView> headPod() {
    return podsOf(Part.HEAD).stream()
        .filter(pod -> !pod.deleting() && !pod.ended())
        .reduce((_, newest) -> newest);
  }

  /** Whether a pod's node has not answered for so long. */
  public boolean nodeLostFor(PodView pod, Duration patience) {
    return pod.node()
        .map(nodes::get)
        .filter(node -> node.since().isBefore(at.minus(patience)))
        .isPresent();
  }

  /** The claims that pods of the head mount as its Deployment has it. */
  public Set<String> headClaims() {
    return deployment.stream()
        .flatMap(head -> head.getSpec().getTemplate().getSpec().getVolumes().stream())
        .map(Volume::getPersistentVolumeClaim)
        .filter(Objects::nonNull)
        .map(PersistentVolumeClaimVolumeSource::getClaimName)
        .collect(Collectors.toSet());
  }

  /** What the head said, when it did. */
  public Optional<HeadAnswer> head() {
    return headAnswer.flatMap(
        answer -> answer instanceof Answer.OfHead(var head) ? Optional.of(head) : Optional.empty());
  }

  /** The UID of the pod whose head does not find the model's files as they should be. */
  public Optional<String> headWithoutModel() {
    return head().filter(HeadAnswer::missesModel).flatMap(_ -> headPod()).map(PodView::uid);
  }

  /** What the fetch of the model said, when it did. */
  public Optional<FetchAnswer> fetch() {
    return fetchAnswer.flatMap(
        answer ->
            answer instanceof Answer.OfFetch(var fetch) ? Optional.of(fetch) : Optional.empty());
  }

  /** The newest event about an object, of those with one of these reasons. */
  Optional<Event> newestEvent(String uid, String... reasons) {
    var wanted = List.of(reasons);
    return events.stream()
        .filter(event -> uid.equals(event.getInvolvedObject().getUid()))
        .filter(event -> wanted.isEmpty() || wanted.contains(event.getReason()))
        .max(Comparator.comparing(Observation::timeOf));
  }

  static Instant timeOf(Event event) {
    if (event.getSeries() != null && event.getSeries().getLastObservedTime() != null) {
      return PodView.time(event.getSeries().getLastObservedTime().getTime()).orElse(Instant.MIN);
    }
    return PodView.time(event.getLastTimestamp())
        .or(
            () ->
                Optional.ofNullable(event.getEventTime())
                    .flatMap(time -> PodView.time(time.getTime())))
        .or(() -> PodView.time(event.getMetadata().getCreationTimestamp()))
        .orElse(Instant.MIN);
  }
}
