// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.dependent.DependentResource;
import io.javaoperatorsdk.operator.processing.dependent.Matcher;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import io.javaoperatorsdk.operator.processing.dependent.workflow.Condition;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings the model, or checks that it is there, before any device is taken. Where the model lives
 * in the head's pod, the head's pod does that instead.
 */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class ModelJobDependentResource extends OwnedDependentResource<Job> {
  /** Called by the framework. */
  public ModelJobDependentResource() {
    super(Job.class, Component.MODEL);
  }

  @Override
  List<Job> desired(Blueprint blueprint) {
    if (ModelFiles.of(blueprint).fetchedByHead()) {
      return List.of();
    }
    var template = template(blueprint);
    // A Job cannot be changed, so another one has another name.
    var name =
        blueprint
            .names()
            .modelJob(Fingerprint.brief(List.of(template, FetchPod.config(blueprint).toJson())));
    return List.of(
        new JobBuilder()
            .withMetadata(
                blueprint.metadata(
                    name,
                    PodParts.labels(
                        blueprint.spec().head().spec(),
                        Labels.of(blueprint.names().cluster(), Component.MODEL))))
            .withNewSpec()
            // What fails may work later, when a server is back or a token is right: it waits longer
            // each time, five minutes at most, and the status says why.
            .withBackoffLimit(Integer.MAX_VALUE)
            .withPodReplacementPolicy("Failed")
            .withTemplate(template)
            .endSpec()
            .build());
  }

  /** Its name says what it does, and it cannot be changed. */
  @Override
  public Matcher.Result<Job> match(
      Job actual, Job desired, InferenceCluster cluster, Context<InferenceCluster> context) {
    return Matcher.Result.computed(true, desired);
  }

  @Override
  boolean isNamedByContent() {
    return true;
  }

  private static PodTemplateSpec template(Blueprint blueprint) {
    var cluster = blueprint.names().cluster();
    var volumes = new ArrayList<Volume>();
    volumes.add(PodParts.tmp());
    volumes.addAll(FetchPod.volumes(blueprint));
    volumes.addAll(ModelFiles.of(blueprint).volumes(blueprint));
    return PodParts.template(
        blueprint,
        Labels.of(cluster, Component.MODEL),
        Labels.selector(cluster, Component.MODEL),
        PodParts.place(blueprint.spec().head().spec()),
        new PodSpecBuilder()
            .withContainers(FetchPod.container(blueprint))
            .withRestartPolicy("OnFailure")
            .withVolumes(volumes)
            .build());
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
      var wanted =
          new ModelJobDependentResource()
              .desired(blueprint).stream().map(job -> job.getMetadata().getName()).toList();
      return wanted.isEmpty()
          || context
              .getSecondaryResourcesAsStream(Job.class)
              .filter(job -> wanted.contains(job.getMetadata().getName()))
              .anyMatch(Done::complete);
    }

    private static boolean complete(Job job) {
      return job.getStatus() != null
          && job.getStatus().getConditions().stream()
              .anyMatch(
                  condition ->
                      condition.getType().equals("Complete")
                          && condition.getStatus().equals("True"));
    }
  }
}
