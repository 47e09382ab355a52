// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.Violation;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Release;
import dev.knarr.operator.dependent.ModelClaims.ModelClaim;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * All that the objects of a cluster are made from. The reconciler puts one into the context before
 * it runs the workflow. Immutable, but for the beans of the document, which nobody changes.
 *
 * @param cluster the document
 * @param spec its spec with all defaults
 * @param release what of the operator's setup goes into pods
 * @param facts what depends on the cluster's state and surroundings
 */
public record Blueprint(InferenceCluster cluster, ResolvedSpec spec, Release release, Facts facts) {

  /**
   * What depends on state and surroundings.
   *
   * @param headReplicas how many heads may run now
   * @param workerReplicas how many workers each group may have now; a group that is no longer in
   *     the spec is kept as it is while it stands here with any
   * @param pinned whether a release of before has built the cluster, which stays as it is until its
   *     spec changes
   * @param claims the claims that the model lies on, as far as they are there
   * @param missedBy the UID of a head's pod that has not found the model's files as they should be
   * @param headClaims the claims that pods of the head mount as it was last made
   * @param operatorNamespace where the operator runs
   * @param monitoringLabels labels of the namespaces that Prometheus runs in; all when empty
   */
  public record Facts(
      int headReplicas,
      Map<String, Integer> workerReplicas,
      boolean pinned,
      Map<String, ModelClaim> claims,
      Optional<String> missedBy,
      Set<String> headClaims,
      String operatorNamespace,
      Map<String, String> monitoringLabels) {
    /** Copies the collections. */
    public Facts {
      workerReplicas = Map.copyOf(workerReplicas);
      claims = Map.copyOf(claims);
      headClaims = Set.copyOf(headClaims);
      monitoringLabels = Map.copyOf(monitoringLabels);
    }
  }

  /** The one that the reconciler has put into the context. */
  static Blueprint of(Context<InferenceCluster> context) {
    return context
        .managedWorkflowAndDependentResourceContext()
        .getMandatory(Blueprint.class, Blueprint.class);
  }

  /** Makes this the blueprint of the workflow that runs next in this context. */
  public void putInto(Context<InferenceCluster> context) {
    context.managedWorkflowAndDependentResourceContext().put(Blueprint.class, this);
  }

  /** This blueprint for what may run now. */
  public Blueprint with(int headReplicas, Map<String, Integer> workerReplicas, boolean pinned) {
    return with(
        new Facts(
            headReplicas,
            workerReplicas,
            pinned,
            facts.claims(),
            facts.missedBy(),
            facts.headClaims(),
            facts.operatorNamespace(),
            facts.monitoringLabels()));
  }

  /** This blueprint with another claim that is there. */
  Blueprint with(PersistentVolumeClaim claim) {
    var claims = new TreeMap<>(facts.claims());
    claims.put(claim.getMetadata().getName(), ModelClaim.of(claim));
    return with(
        new Facts(
            facts.headReplicas(),
            facts.workerReplicas(),
            facts.pinned(),
            claims,
            facts.missedBy(),
            facts.headClaims(),
            facts.operatorNamespace(),
            facts.monitoringLabels()));
  }

  private Blueprint with(Facts others) {
    return new Blueprint(cluster, spec, release, others);
  }

  /** Tells releases apart; the same for the same operator with the same setup. */
  public String releaseId() {
    return Fingerprint.of(release);
  }

  /** The revision that the pods of each group are to have. */
  public Map<String, String> workerRevisions() {
    var revisions = new TreeMap<String, String>();
    for (var group : spec.workers()) {
      revisions.put(group.name(), revision(WorkerPod.template(this, group)));
    }
    return revisions;
  }

  private static String revision(PodTemplateSpec template) {
    return template.getMetadata().getAnnotations().getOrDefault(Labels.REVISION, "");
  }

  /** The names of everything. */
  public ClusterNames names() {
    return ClusterNames.of(cluster);
  }

  /** How many workers a group has now. */
  int workerReplicas(ResolvedSpec.Group group) {
    return facts
        .workerReplicas()
        .getOrDefault(group.name(), spec.replicas() == 0 ? 0 : group.replicas());
  }

  /** Whether a group that left the spec still runs until the head has let go of it. */
  boolean keeps(String group) {
    return facts.workerReplicas().getOrDefault(group, 0) > 0
        && spec.workers().stream().noneMatch(known -> known.name().equals(group));
  }

  /** The revision that a head names when it is the one this asks for. */
  public String headRevision() {
    return HeadPod.revision(this);
  }

  /**
   * What cannot be built although the document keeps its rules; in the order of the fields. Nothing
   * may be applied while there is any.
   */
  public List<Violation> problems() {
    var problems = new ArrayList<Violation>();
    if (spec.workerNames().isEmpty()) {
      problems.add(new Violation("spec.workers", Problems.NO_WORKER));
    }
    for (int i = 0; i < spec.workers().size(); i++) {
      var group = spec.workers().get(i);
      var field = "spec.workers[%d]".formatted(i);
      if (group.spec().getImage() == null && release.workerImage(group.backend()).isEmpty()) {
        problems.add(new Violation(field + ".image", Problems.noImage(group.backend())));
      }
      problems.addAll(
          Problems.takenVolumes(field, group.spec(), WorkerPod.volumeNames(this, group)));
    }
    problems.addAll(
        Problems.takenVolumes("spec.head", spec.head().spec(), HeadPod.volumeNames(this)));
    return problems;
  }

  /** Name, labels and owner of an object. */
  ObjectMeta metadata(String name, Component component) {
    return metadata(name, Labels.of(names().cluster(), component));
  }

  /** Name, labels and owner of an object of a group. */
  ObjectMeta groupMetadata(String group) {
    return metadata(names().group(group), Labels.ofGroup(names().cluster(), group));
  }

  ObjectMeta metadata(String name, Map<String, String> labels) {
    return new ObjectMetaBuilder()
        .withName(name)
        .withNamespace(names().namespace())
        .withLabels(labels)
        .withOwnerReferences(owner())
        .build();
  }

  private OwnerReference owner() {
    return new OwnerReferenceBuilder()
        .withApiVersion(InferenceCluster.GROUP + "/" + InferenceCluster.VERSION)
        .withKind(InferenceCluster.KIND)
        .withName(names().cluster())
        .withUid(cluster.getMetadata().getUid())
        .withController(true)
        .build();
  }
}
