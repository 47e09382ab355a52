// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.reconcile.InferenceClusterReconciler;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.javaoperatorsdk.operator.Operator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/**
 * Common to tests of the dependents: a namespace of its own for each test, with an operator that
 * looks after it alone, and the audit log as the witness of what that has written.
 */
abstract class OperatorInNamespace {
  static final String OPERATOR = "system:serviceaccount:knarr-system:knarr-operator";
  static final Duration LIMIT = Duration.ofSeconds(60);
  static final AtomicInteger COUNT = new AtomicInteger();
  static final ObjectMapper JSON = new ObjectMapper();

  static ApiServer server;
  static KubernetesClient client;

  final String namespace = "objects-" + COUNT.incrementAndGet();
  final List<Operator> operators = new ArrayList<>();

  @BeforeAll
  static void startServer() {
    server = ApiServer.with().audit().start();
    client = server.client();
    Definitions.clusters(server);
    Definitions.podMonitors(server);
    // What the operator may do is tested with its chart; here it may do everything.
    client
        .rbac()
        .clusterRoleBindings()
        .resource(
            new ClusterRoleBindingBuilder()
                .withNewMetadata()
                .withName("operator")
                .endMetadata()
                .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", "cluster-admin")
                .addNewSubject("rbac.authorization.k8s.io", "User", OPERATOR, null)
                .build())
        .create();
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void makeNamespace() {
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
        .create();
  }

  @AfterEach
  void stopOperators() {
    operators.forEach(Operator::stop);
  }

  void startOperator() {
    var operatorClient = server.clientAs(OPERATOR);
    var operator =
        new Operator(
            overrider ->
                overrider
                    .withKubernetesClient(operatorClient)
                    .withCloseClientOnStop(true)
                    // The usual one ends the process, which is the tests' own here.
                    .withInformerStoppedHandler((_, _) -> {}));
    operator.register(
        new InferenceClusterReconciler(new SetUp(), operatorClient, "1.0.0", "test"),
        overrider -> overrider.settingNamespace(namespace));
    operator.start();
    operators.add(operator);
  }

  void create(String name) {
    create(name, text -> text);
  }

  void create(String name, UnaryOperator<String> change) {
    var cluster = Blueprints.cluster(name, change);
    cluster.getMetadata().setNamespace(namespace);
    cluster.getMetadata().setUid(null);
    client.resource(cluster).create();
  }

  InferenceCluster cluster() {
    return one(InferenceCluster.class);
  }

  void change(UnaryOperator<String> change) {
    var changed = Blueprints.cluster("everything", change);
    changed.getMetadata().setNamespace(namespace);
    changed.getMetadata().setUid(null);
    client.resource(changed).patch();
  }

  Job awaitJob() {
    await("the model's job").atMost(LIMIT).until(() -> all(Job.class).size() == 1);
    return one(Job.class);
  }

  /** Of the same name. */
  Job awaitAnotherJob(Job before) {
    await("another job of the same name")
        .atMost(LIMIT)
        .until(
            () ->
                all(Job.class).stream()
                    .filter(
                        job -> job.getMetadata().getName().equals(before.getMetadata().getName()))
                    .anyMatch(
                        job -> !job.getMetadata().getUid().equals(before.getMetadata().getUid())));
    return one(Job.class);
  }

  void awaitHead() {
    await("the head").atMost(LIMIT).until(() -> all(Deployment.class).size() == 1);
  }

  /** As the controller of Jobs would, which does not run here. */
  static void complete(Job job) {
    var now = Instant.now().toString();
    var started = job.getStatus() == null ? null : job.getStatus().getStartTime();
    client
        .resource(
            new JobBuilder(job)
                .withNewStatus()
                .withActive(0)
                .withReady(0)
                .withStartTime(started == null ? now : started)
                .withCompletionTime(now)
                .withSucceeded(1)
                .addNewCondition()
                .withType("SuccessCriteriaMet")
                .withStatus("True")
                .endCondition()
                .addNewCondition()
                .withType("Complete")
                .withStatus("True")
                .endCondition()
                .endStatus()
                .build())
        .patchStatus();
  }

  void apply(String manager, String yaml) {
    client
        .resource(yaml.formatted(namespace))
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(manager)
                .withForce(true)
                .build());
  }

  <R extends HasMetadata> List<R> all(Class<R> type) {
    return client.resources(type).inNamespace(namespace).list().getItems();
  }

  <R extends HasMetadata> R one(Class<R> type) {
    return all(type).getFirst();
  }

  <R extends HasMetadata> List<String> names(Class<R> type) {
    return all(type).stream().map(object -> object.getMetadata().getName()).sorted().toList();
  }

  Map<String, String> versions() {
    var versions = new TreeMap<String, String>();
    Stream.of(
            Job.class,
            ConfigMap.class,
            NetworkPolicy.class,
            PodDisruptionBudget.class,
            StatefulSet.class,
            Deployment.class,
            Service.class,
            PersistentVolumeClaim.class,
            PodMonitor.class)
        .flatMap(type -> all(type).stream())
        .forEach(
            object ->
                versions.put(
                    object.getKind() + " " + object.getMetadata().getName(),
                    object.getMetadata().getResourceVersion()));
    return versions;
  }

  /** What the operator has written in this test, or tried to; but for status and events. */
  List<String> writes() {
    return audit()
        .filter(
            event ->
                !List.of("inferenceclusters", "events")
                    .contains(event.path("objectRef").path("resource").asText()))
        .filter(
            event ->
                List.of("create", "update", "patch", "delete", "deletecollection")
                    .contains(event.path("verb").asText()))
        .map(
            event ->
                "%s %s %s"
                    .formatted(
                        event.path("verb").asText(),
                        event.path("objectRef").path("resource").asText(),
                        event.path("objectRef").path("name").asText()))
        .toList();
  }

  long audit(String verb, String resource, String name, int code) {
    return audit()
        .filter(event -> event.path("verb").asText().equals(verb))
        .filter(event -> event.path("objectRef").path("resource").asText().equals(resource))
        .filter(event -> event.path("objectRef").path("name").asText().equals(name))
        .filter(event -> event.path("responseStatus").path("code").asInt() == code)
        .count();
  }

  Stream<JsonNode> audit() {
    try {
      return Files.readAllLines(server.auditLog()).stream()
          .map(OperatorInNamespace::event)
          .filter(
              event -> event.path("impersonatedUser").path("username").asText().equals(OPERATOR))
          .filter(event -> event.path("objectRef").path("namespace").asText().equals(namespace));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static JsonNode event(String line) {
    try {
      return JSON.readTree(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
