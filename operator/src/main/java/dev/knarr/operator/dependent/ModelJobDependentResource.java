// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.dependent.ModelFiles.ModelFile;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatus;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.dependent.DependentResource;
import io.javaoperatorsdk.operator.processing.dependent.Matcher;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import io.javaoperatorsdk.operator.processing.dependent.workflow.Condition;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Brings the model, or checks that it is there, before any device is taken. Where the model lives
 * in the head's pod, the head's pod does that instead.
 *
 * <p>A Job cannot be changed. Its name says what it brings and where, so another one comes when
 * that changes. All else is only made anew where it may cure something: a Job that is done or runs
 * stays.
 */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class ModelJobDependentResource extends OwnedDependentResource<Job> {
  /** Called by the framework. */
  public ModelJobDependentResource() {
    super(Job.class, Component.MODEL);
  }

  @Override
  List<Job> desired(Blueprint blueprint) {
    var files = ModelFiles.of(blueprint);
    if (files.fetchedByHead()) {
      return List.of();
    }
    var template = ModelPod.template(blueprint);
    var metadata =
        blueprint.metadata(
            blueprint.names().modelJob(task(blueprint, files)),
            PodParts.labels(
                blueprint.spec().head().spec(),
                Labels.of(blueprint.names().cluster(), Component.MODEL)));
    metadata
        .getAnnotations()
        .put(
            Labels.REVISION,
            Fingerprint.of(List.of(template, FetchPod.config(blueprint).toJson())));
    blueprint
        .facts()
        .missedBy()
        .ifPresent(pod -> metadata.getAnnotations().put(Labels.MISSED_BY, pod));
    return List.of(
        new JobBuilder()
            .withMetadata(metadata)
            .withNewSpec()
            // What fails may work later, when a server is back or a token is right: it waits longer
            // each time, five minutes at most, and the status says why.
            .withBackoffLimit(Integer.MAX_VALUE)
            .withPodReplacementPolicy("Failed")
            .withTemplate(template)
            .endSpec()
            .build());
  }

  /** What is brought, and where to: another claim of the same name is empty again. */
  private static String task(Blueprint blueprint, ModelFiles files) {
    var volumes = files.volumes(blueprint);
    return Fingerprint.brief(
        List.of(
            files.files().stream().map(ModelFile::path).toList(),
            volumes,
            volumes.stream().map(volume -> claimUid(blueprint, volume)).toList()));
  }

  private static String claimUid(Blueprint blueprint, Volume volume) {
    var source = volume.getPersistentVolumeClaim();
    var claim = source == null ? null : blueprint.facts().claims().get(source.getClaimName());
    return claim == null ? "" : claim.uid();
  }

  /** With the claim that the operator makes: it may have come in this very pass. */
  @Override
  Blueprint blueprint(InferenceCluster cluster, Context<InferenceCluster> context) {
    var blueprint = Blueprint.of(context);
    return context
        .getSecondaryResourcesAsStream(PersistentVolumeClaim.class)
        .filter(claim -> claim.getMetadata().getName().equals(blueprint.names().model()))
        .findFirst()
        .map(blueprint::with)
        .orElse(blueprint);
  }

  @Override
  public Map<String, Job> desiredResources(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    var desired = super.desiredResources(cluster, context);
    // What is not desired is deleted; once it has gone, the next pass makes it anew.
    var missedBy = Blueprint.of(context).facts().missedBy();
    for (var actual : getSecondaryResources(cluster, context).entrySet()) {
      var wanted = desired.get(actual.getKey());
      if (wanted != null && isOutdated(actual.getValue(), wanted, missedBy)) {
        desired.remove(actual.getKey());
      }
    }
    return desired;
  }

  /**
   * Whether there is something to be gained by making it anew. One that is done is so when a head
   * has missed what it brought, once for each of its pods. One that gets nowhere may do so by what
   * has changed meanwhile.
   */
  private static boolean isOutdated(Job actual, Job wanted, Optional<String> missedBy) {
    return isComplete(actual)
        ? missedBy.filter(pod -> !pod.equals(annotation(actual, Labels.MISSED_BY))).isPresent()
        : !runs(actual)
            && !annotation(actual, Labels.REVISION).equals(annotation(wanted, Labels.REVISION));
  }

  private static boolean runs(Job job) {
    return Optional.ofNullable(job.getStatus())
        .map(JobStatus::getReady)
        .filter(ready -> ready > 0)
        .isPresent();
  }

  private static String annotation(Job job, String name) {
    return PodParts.or(job.getMetadata().getAnnotations(), Map.<String, String>of())
        .getOrDefault(name, "");
  }

  /** It cannot be changed. */
  @Override
  public Matcher.Result<Job> match(
      Job actual, Job desired, InferenceCluster cluster, Context<InferenceCluster> context) {
    return Matcher.Result.computed(true, desired);
  }

  /** Where others have taken its labels away, they are all that can be repaired. */
  @Override
  public Job update(
      Job actual, Job desired, InferenceCluster cluster, Context<InferenceCluster> context) {
    desired.getMetadata().setAnnotations(actual.getMetadata().getAnnotations());
    desired.setSpec(actual.getSpec());
    return super.update(actual, desired, cluster, context);
  }

  @Override
  boolean isNamedByContent() {
    return true;
  }

  private static boolean isComplete(Job job) {
    return job.getStatus() != null
        && job.getStatus().getConditions().stream()
            .anyMatch(
                condition ->
                    condition.getType().equals("Complete") && condition.getStatus().equals("True"));
  }

  /** Met when the model is there, or nothing is to run anyway. */
  public static class Done implements Condition<Job, InferenceCluster> {
    /** Called by the framework. */
    public Done() {}

    @Override
    public boolean isMet(
        DependentResource<Job, InferenceCluster> jobs,
        InferenceCluster cluster,
        Context<InferenceCluster> context) {
      var blueprint = Blueprint.of(context);
      if (blueprint.spec().replicas() == 0 || blueprint.facts().pinned()) {
        return true;
      }
      var dependent = new ModelJobDependentResource();
      var wanted =
          dependent.desired(dependent.blueprint(cluster, context)).stream()
              .map(job -> job.getMetadata().getName())
              .toList();
      return wanted.isEmpty()
          || context
              .getSecondaryResourcesAsStream(Job.class)
              .filter(job -> wanted.contains(job.getMetadata().getName()))
              .anyMatch(ModelJobDependentResource::isComplete);
    }
  }
}
