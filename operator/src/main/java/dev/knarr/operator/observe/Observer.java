// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.dependent.ByLabel;
import dev.knarr.operator.observe.StatusPoller.Role;
import dev.knarr.operator.observe.StatusPoller.Target;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import java.time.Clock;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Looks at a cluster. Most of it is known from informers and from the {@link StatusPoller}; nodes,
 * claims and events are asked for only when a pod gives reason to. Any thread.
 */
public final class Observer {
  /** The container that serves, and the init container or Job that brings the model. */
  static final String HEAD_CONTAINER = "head";

  static final String FETCH_CONTAINER = "fetch";

  private final StatusPoller poller;
  private final Clock clock;

  /** An observer that hears of heads by this poller. */
  public Observer(StatusPoller poller, Clock clock) {
    this.poller = poller;
    this.clock = clock;
  }

  /** What has a cluster reconciled when its pods change, or what they say. */
  public List<EventSource<?, InferenceCluster>> eventSources(
      EventSourceContext<InferenceCluster> context) {
    var pods =
        InformerEventSourceConfiguration.from(Pod.class, InferenceCluster.class)
            .withName("pods")
            .withLabelSelector(Labels.SELECTOR)
            .withSecondaryToPrimaryMapper(ByLabel::clusters)
            .build();
    return List.of(new InformerEventSource<>(pods, context), poller);
  }

  /** What is known of a cluster now. */
  public Observation observe(InferenceCluster cluster, Context<InferenceCluster> context) {
    var now = clock.instant();
    var id = ResourceID.fromResource(cluster);
    var known =
        new Observation(
            now,
            List.copyOf(context.getSecondaryResources(Pod.class)),
            context
                .getSecondaryResourcesAsStream(StatefulSet.class)
                .sorted(Comparator.comparing(set -> set.getMetadata().getName()))
                .toList(),
            context.getSecondaryResourcesAsStream(Deployment.class).findFirst(),
            newest(context.getSecondaryResourcesAsStream(Job.class)),
            Map.of(),
            Map.of(),
            List.of(),
            Optional.empty(),
            Optional.empty(),
            0);
    var uid = cluster.getMetadata().getUid();
    var head = known.headPod().flatMap(pod -> target(pod, uid, HEAD_CONTAINER, Role.HEAD));
    var fetch =
        Stream.concat(known.podsOf(Part.MODEL).stream(), known.headPod().stream())
            .filter(pod -> !pod.deleting() && !pod.ended())
            .flatMap(pod -> target(pod, uid, FETCH_CONTAINER, Role.FETCH).stream())
            .findFirst();
    poller.follow(id, Stream.concat(head.stream(), fetch.stream()).toList());
    var headAnswer = head.flatMap(target -> poller.answer(id, target));
    var lookups = new Lookups(context.getClient(), cluster.getMetadata().getNamespace(), known);
    var claims = lookups.claims();
    return new Observation(
        now,
        known.pods(),
        known.statefulSets(),
        known.deployment(),
        known.modelJob(),
        claims,
        lookups.nodes(known),
        lookups.events(known, claims.values()),
        headAnswer,
        fetch.flatMap(target -> poller.answer(id, target)),
        head.map(target -> poller.newRestarts(id, target)).orElse(0));
  }

  private static Optional<Job> newest(Stream<Job> jobs) {
    return jobs.filter(job -> job.getMetadata().getDeletionTimestamp() == null)
        .max(
            Comparator.comparing(
                job -> Objects.requireNonNullElse(job.getMetadata().getCreationTimestamp(), "")));
  }

  private static Optional<Target> target(
      PodView pod, String clusterUid, String container, Role role) {
    return pod.ip()
        .filter(_ -> pod.runs(container))
        .map(ip -> new Target(clusterUid, pod.uid(), pod.name(), ip, role));
  }
}
