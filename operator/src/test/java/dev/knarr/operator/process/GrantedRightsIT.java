// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Scene;
import dev.knarr.operator.dependent.PodMonitor;
import dev.knarr.operator.process.Shape.Source;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.Binding;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The life of a cluster with everything that the operator may have to do in it, and the audit log
 * as the witness that it may do this and no more. Controllers are real; what a kubelet would say is
 * written by hand.
 */
class GrantedRightsIT {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final String NAMESPACE = "one";
  private static final String NAME = "c";

  /** What has its label taken away, of each kind that the operator makes and watches. */
  private static final List<Class<? extends HasMetadata>> WATCHED =
      List.of(
          ConfigMap.class,
          Deployment.class,
          Job.class,
          NetworkPolicy.class,
          PodDisruptionBudget.class,
          PodMonitor.class,
          Service.class,
          StatefulSet.class);

  /** Claims outlive their clusters. */
  private static final Set<String> CLAIMS = Set.of("PersistentVolumeClaim c-model");

  /** The SDK refuses to start without it, and writes its lease by patch. */
  private static final Set<String> ONLY_LOOKED_FOR = Set.of("update coordination.k8s.io/leases");

  private static final Shape FIRST = new Shape(Source.FETCHED, List.of(1, 1), 1, true, true, 0);
  private static final Shape CHANGED = new Shape(Source.FETCHED, List.of(1, 1), 1, true, true, 1);
  private static final Shape REDUCED = new Shape(Source.BY_HEAD, List.of(1), 1, false, false, 2);

  @TempDir private Path folder;
  private ApiServer server;
  private KubernetesClient client;

  @BeforeEach
  void start() {
    server = ApiServer.with().audit().garbageCollection().workloads().start();
    client = server.client();
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .create();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void whenAClusterHasLivedItsLife_thenEveryRightWasUsedAndNoOther() throws IOException {
    var account = OperatorAccount.install(server, folder);
    try (var definition =
        ApiServer.class.getResourceAsStream("podmonitors.monitoring.coreos.com.yaml")) {
      client.load(Objects.requireNonNull(definition)).serverSideApply();
    }
    try (var operator =
            OperatorProcess.start(
                account, "knarr-0", folder, Map.of("KNARR_OPERATOR_NODE_LOST", "1s"));
        var audit = AuditLog.of(server)) {
      apply(FIRST);
      bringTheModel();
      awaitWorkers(FIRST);
      takeLabelsAway();
      loseANode();
      apply(CHANGED);
      awaitWorkers(CHANGED);
      apply(REDUCED);
      awaitWorkers(REDUCED);
      await("what is no longer needed has gone", () -> objects().equals(wanted(REDUCED)));
      client.resource(REDUCED.cluster(NAMESPACE, NAME)).delete();
      await("everything but the claim has gone", () -> objects().equals(CLAIMS));
      operator.stop();

      assertThat(audit.requests()).noneMatch(request -> request.code() == 403);
      var unused = new TreeSet<>(account.granted());
      unused.removeAll(audit.rightsUsed());
      assertThat(unused).isEqualTo(ONLY_LOOKED_FOR);
      assertThat(account.granted()).containsAll(audit.rightsUsed());
    }
  }

  private void apply(Shape shape) {
    client.resource(shape.cluster(NAMESPACE, NAME)).forceConflicts().serverSideApply();
  }

  /** As the fetch in the Job's pod would. */
  private void bringTheModel() {
    await("the pod of the Job", () -> !pods(Labels.Component.MODEL).isEmpty());
    say(pods(Labels.Component.MODEL).getFirst(), "phase: Succeeded");
  }

  private void awaitWorkers(Shape shape) {
    var turns = Collections.nCopies(shape.groups().size(), String.valueOf(shape.argument()));
    await("workers of " + shape, () -> turns().equals(turns));
    await("a head of " + shape, () -> !pods(Labels.Component.HEAD).isEmpty());
  }

  private List<String> turns() {
    return pods(Labels.Component.WORKER).stream()
        .flatMap(pod -> pod.getSpec().getContainers().getFirst().getEnv().stream())
        .filter(variable -> variable.getName().equals("TURN"))
        .map(EnvVar::getValue)
        .toList();
  }

  private static Set<String> wanted(Shape shape) {
    var wanted = shape.objects(NAME);
    wanted.addAll(CLAIMS);
    return wanted;
  }

  private Set<String> objects() {
    return Stream.concat(WATCHED.stream(), Stream.of(Secret.class, PersistentVolumeClaim.class))
        .flatMap(type -> all(type).stream())
        .map(object -> object.getKind() + " " + object.getMetadata().getName())
        .collect(Collectors.toSet());
  }

  /** Somebody who does not know what it is for; the operator sees the object no more. */
  private void takeLabelsAway() {
    for (var type : WATCHED) {
      var mine = all(type).getFirst();
      client
          .resource(mine)
          .patch(
              PatchContext.of(PatchType.JSON_MERGE),
              "{\"metadata\":{\"labels\":{\"%s\":null}}}".formatted(Labels.MANAGED_BY));
      await(
          "the label of " + mine.getKind(),
          () ->
              client.resource(mine).get().getMetadata().getLabels().containsKey(Labels.MANAGED_BY));
    }
  }

  /** A worker runs on a node that is there no more. */
  private void loseANode() {
    await("a worker", () -> !pods(Labels.Component.WORKER).isEmpty());
    var pod = pods(Labels.Component.WORKER).getFirst();
    client
        .bindings()
        .inNamespace(NAMESPACE)
        .resource(
            Scene.yaml(
                Binding.class,
                "{ apiVersion: v1, kind: Binding, metadata: { name: %s }, target: { kind: Node, name: gone } }"
                    .formatted(pod.getMetadata().getName())))
        .create();
    say(
        client.resource(pod).get(),
        Scene.RUNNING
            .replace("CONTAINER", "worker")
            .replaceFirst("type: Ready, status: \"True\"", "type: Ready, status: \"False\""));
    await(
        "another worker in its place",
        () ->
            pods(Labels.Component.WORKER).stream()
                .noneMatch(
                    other -> other.getMetadata().getUid().equals(pod.getMetadata().getUid())));
  }

  private void say(Pod pod, String status) {
    client
        .resource(pod)
        .editStatus(
            known -> {
              var said = Scene.yaml(PodStatus.class, status);
              said.setQosClass(known.getStatus().getQosClass());
              known.setStatus(said);
              return known;
            });
  }

  private List<Pod> pods(Labels.Component part) {
    return client
        .pods()
        .inNamespace(NAMESPACE)
        .withLabel(Labels.COMPONENT, part.value())
        .list()
        .getItems();
  }

  private <T extends HasMetadata> List<T> all(Class<T> type) {
    return client
        .resources(type)
        .inNamespace(NAMESPACE)
        .withLabel(Labels.CLUSTER, NAME)
        .list()
        .getItems();
  }

  private static void await(String what, Callable<Boolean> condition) {
    org.awaitility.Awaitility.await(what).atMost(LIMIT).until(condition);
  }
}
