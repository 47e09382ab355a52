// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Ports;
import dev.knarr.operator.observe.ScriptedPod;
import dev.knarr.operator.reconcile.InferenceClusterReconciler;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.storage.StorageClassBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
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
import org.junit.jupiter.api.Test;

/** The dependents at work on a real API server, with the audit log as the witness of writes. */
final class OwnedObjectsIT {
  private static final String OPERATOR = "system:serviceaccount:knarr-system:knarr-operator";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final ObjectMapper JSON = new ObjectMapper();

  private static ApiServer server;
  private static KubernetesClient client;

  private final String namespace = "objects-" + COUNT.incrementAndGet();
  private final List<Operator> operators = new ArrayList<>();

  @BeforeAll
  static void startServer() {
    server = ApiServer.with().audit().start();
    client = server.client();
    Definitions.clusters(client);
    Definitions.podMonitors(client);
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

  @Test
  void whenTheModelIsNotThereYet_thenNothingTakesADevice() {
    create("claim");
    startOperator();

    var job = awaitJob();
    await("services and policies").atMost(LIMIT).until(() -> all(NetworkPolicy.class).size() == 3);

    assertThat(all(StatefulSet.class)).isEmpty();
    assertThat(all(Deployment.class)).isEmpty();
    complete(job);
    awaitHead();
    await("workers").atMost(LIMIT).until(() -> all(StatefulSet.class).size() == 1);
  }

  @Test
  void whenNothingHasChanged_thenNothingIsWritten() {
    create("everything");
    startOperator();
    complete(awaitJob());
    awaitHead();
    await("all of its objects").atMost(LIMIT).until(() -> versions().size() == 15);
    var versions = versions();
    var writes = writes();
    var cluster = cluster();

    // Each start looks at everything again, each event at one cluster.
    for (int i = 0; i < 3; i++) {
      operators.removeFirst().stop();
      startOperator();
      client
          .resource(
              new PodBuilder()
                  .withNewMetadata()
                  .withNamespace(namespace)
                  .withName("event-" + i)
                  .withLabels(Labels.ofGroup("glm", "a100"))
                  .endMetadata()
                  .withNewSpec()
                  .addNewContainer()
                  .withName("c")
                  .withImage("registry.example/none:1")
                  .endContainer()
                  .endSpec()
                  .build())
          .create();
    }
    // The last one of all: when it has been repaired, everything before has been looked at.
    client.resource(one(Deployment.class)).delete();
    awaitHead();

    assertThat(writes().subList(writes.size(), writes().size()))
        .containsExactly("patch deployments glm-head");
    var after = versions();
    after.remove("Deployment glm-head");
    versions.remove("Deployment glm-head");
    assertThat(after).isEqualTo(versions);
    assertThat(cluster().getMetadata().getGeneration())
        .as("The spec is not touched")
        .isEqualTo(cluster.getMetadata().getGeneration());
    assertThat(cluster().getMetadata().getFinalizers()).isEmpty();
  }

  @Test
  void whenSomebodyElseAddsFields_thenTheyLiveOnAndOursAreRepaired() {
    create("claim");
    startOperator();
    complete(awaitJob());
    awaitHead();

    apply(
        "kustomize",
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: demo-head, namespace: %s, annotations: { theirs: "1" }, labels: { theirs: "1" } }
        spec:
          replicas: 5
          template:
            metadata: { annotations: { theirs: "1" } }
            spec:
              nodeSelector: { theirs: "1" }
              containers:
                - name: sidecar
                  image: registry.example/sidecar:1
                - name: head
                  args: [theirs]
                  env: [{ name: THEIRS, value: "1" }]
        """);

    await("our fields are repaired")
        .atMost(LIMIT)
        .until(
            () -> {
              var spec = one(Deployment.class).getSpec();
              return spec.getReplicas() == 1
                  && spec.getTemplate().getSpec().getContainers().stream()
                      .noneMatch(container -> container.getArgs().contains("theirs"));
            });
    var head = one(Deployment.class);
    var pod = head.getSpec().getTemplate().getSpec();
    assertThat(head.getMetadata().getAnnotations()).containsEntry("theirs", "1");
    assertThat(head.getMetadata().getLabels()).containsEntry("theirs", "1");
    assertThat(head.getSpec().getTemplate().getMetadata().getAnnotations())
        .containsEntry("theirs", "1");
    assertThat(pod.getNodeSelector()).containsEntry("theirs", "1");
    assertThat(pod.getContainers()).extracting("name").contains("sidecar", "head");
    assertThat(pod.getContainers())
        .flatExtracting("env")
        .extracting("name")
        .contains("THEIRS", "KNARR_POD_UID");
  }

  @Test
  void whenAPolicyIsOpened_thenItIsClosedAgain() {
    create("claim");
    startOperator();
    await("policies").atMost(LIMIT).until(() -> all(NetworkPolicy.class).size() == 3);

    apply(
        "somebody",
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: { name: demo-workers, namespace: %s }
        spec: { ingress: [{}] }
        """);

    await("the policy is as it was")
        .atMost(LIMIT)
        .until(
            () ->
                client
                        .network()
                        .v1()
                        .networkPolicies()
                        .inNamespace(namespace)
                        .withName("demo-workers")
                        .get()
                        .getSpec()
                        .getIngress()
                        .size()
                    == 2);
  }

  @Test
  void whenTheSpecChanges_thenWhatItNoLongerNeedsGoes() {
    create("everything");
    startOperator();
    complete(awaitJob());
    awaitHead();
    var firstJob = one(Job.class).getMetadata().getName();

    change(
        text ->
            text.replace("name: spare", "name: other")
                .replace("revision: v1", "revision: v2")
                .replace("  network:\n", "  network:\n    policy: Disabled\n"));

    await("another job")
        .atMost(LIMIT)
        .until(
            () -> {
              var jobs = names(Job.class);
              return jobs.size() == 1 && !jobs.contains(firstJob);
            });
    complete(one(Job.class));
    await("the other group")
        .atMost(LIMIT)
        .until(() -> names(StatefulSet.class).equals(List.of("glm-a100", "glm-other")));
    await("no policies").atMost(LIMIT).until(() -> all(NetworkPolicy.class).isEmpty());
    await("services of the groups")
        .atMost(LIMIT)
        .until(
            () ->
                client.services().inNamespace(namespace).list().getItems().stream()
                    .map(service -> service.getMetadata().getName())
                    .sorted()
                    .toList()
                    .equals(List.of("glm", "glm-a100", "glm-other")));
    assertThat(client.persistentVolumeClaims().inNamespace(namespace).list().getItems())
        .extracting("metadata.name")
        .containsExactly("glm-model");
  }

  @Test
  void whenTheModelIsOnItsWay_thenNoChangeElsewhereBeginsAnew() {
    create("everything");
    startOperator();
    var job = awaitJob();
    say(job, 1);

    // Of these, the head's place and resources are no cause, and another token might have been one.
    change(
        text ->
            text.replace("drainSeconds: 120", "annotations: { note: mine }")
                .replace("memory: 24Gi }, requests", "memory: 25Gi }, requests")
                .replace("key: token", "key: other")
                .replace("port: 80,", "port: 81,"));

    await("the change has been seen")
        .atMost(LIMIT)
        .until(
            () -> {
              var status = cluster().getStatus();
              return status != null && Long.valueOf(2).equals(status.getObservedGeneration());
            });
    assertThat(one(Job.class).getMetadata().getUid()).isEqualTo(job.getMetadata().getUid());
    complete(one(Job.class));
    awaitHead();
    assertThat(one(Job.class).getMetadata().getUid()).isEqualTo(job.getMetadata().getUid());
  }

  @Test
  void whenTheModelCannotBeFetched_thenAChangeThatMayCureItBeginsAnew() {
    create("everything");
    startOperator();
    var job = awaitJob();
    say(job, 0);

    change(text -> text.replace("key: token", "key: other"));

    await("another job of the same name")
        .atMost(LIMIT)
        .until(
            () ->
                all(Job.class).stream()
                    .anyMatch(
                        other -> !other.getMetadata().getUid().equals(job.getMetadata().getUid())));
    var other = one(Job.class);
    assertThat(other.getMetadata().getName()).isEqualTo(job.getMetadata().getName());
    assertThat(other.getSpec().getTemplate().getSpec().getVolumes())
        .filteredOn(volume -> volume.getName().equals("knarr-token-model"))
        .flatExtracting("secret.items")
        .extracting("key")
        .containsExactly("other");
  }

  @Test
  void whenTheClaimIsAnotherOne_thenTheModelIsFetchedAnew() {
    create("everything");
    startOperator();
    var job = awaitJob();
    complete(job);
    awaitHead();
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName("glm-model");
    var uid = claim.get().getMetadata().getUid();

    // As its controller does once no pod mounts it.
    claim.edit(
        known -> {
          known.getMetadata().setFinalizers(List.of());
          return known;
        });
    claim.delete();

    await("another job")
        .atMost(LIMIT)
        .until(
            () ->
                names(Job.class).size() == 1
                    && !names(Job.class).contains(job.getMetadata().getName()));
    assertThat(claim.get().getMetadata().getUid()).isNotEqualTo(uid);
    assertThat(writes().stream().filter(write -> write.startsWith("patch jobs")))
        .as("One job for each claim")
        .hasSize(2);
  }

  @Test
  void whenTheClaimIsToBeLarger_thenItIs() {
    client
        .resource(
            new StorageClassBuilder()
                .withNewMetadata()
                .withName("shared")
                .endMetadata()
                .withProvisioner("example.org/shared")
                .withAllowVolumeExpansion(true)
                .build())
        .create();
    create("everything");
    startOperator();
    awaitJob();
    var claim = bind("glm-model");

    change(text -> text.replace("size: 400Gi", "size: 500Gi"));

    await("a larger claim")
        .atMost(LIMIT)
        .until(() -> size(claim.get()).equals(Map.of("storage", new Quantity("500Gi"))));
    assertThat(all(PersistentVolumeClaim.class)).hasSize(1);
  }

  @Test
  void whenTheClaimCannotBeLarger_thenTheStatusSaysWhy() {
    create("everything", text -> text.replace("storageClassName: shared", "storageClassName: no"));
    startOperator();
    awaitJob();
    var claim = bind("glm-model");

    change(
        text ->
            text.replace("storageClassName: shared", "storageClassName: no")
                .replace("size: 400Gi", "size: 500Gi"));

    await("the refusal")
        .atMost(LIMIT)
        .until(
            () -> {
              var status = cluster().getStatus();
              return status != null && "ApiRefused".equals(status.getReason());
            });
    assertThat(String.valueOf(cluster().getStatus().getMessage()))
        .startsWith("Claim glm-model cannot be made larger, from 400Gi to 500Gi: ")
        .contains("the storageclass that provisions the pvc must support resize. Put ");
    assertThat(size(claim.get())).containsEntry("storage", new Quantity("400Gi"));
  }

  @Test
  void whenTheHeadMissesTheModel_thenItIsBroughtOnceMore() throws IOException {
    create("everything");
    startOperator();
    var first = awaitJob();
    complete(first);
    awaitHead();
    try (var pod = headAnswers("ModelNotFound", "There is no file m.gguf.")) {
      await("another job of the same name")
          .atMost(LIMIT)
          .until(
              () ->
                  all(Job.class).stream()
                      .anyMatch(
                          job -> !job.getMetadata().getUid().equals(first.getMetadata().getUid())));
      var second = one(Job.class);
      assertThat(second.getMetadata().getName()).isEqualTo(first.getMetadata().getName());

      // The head says the same, so there is nothing to be gained by a third.
      complete(second);
      client.services().inNamespace(namespace).withName("glm").delete();
      await("a look at all that is there")
          .atMost(LIMIT)
          .until(() -> names(Service.class).contains("glm"));

      assertThat(pod.asked()).isPositive();
      assertThat(one(Job.class).getMetadata().getUid()).isEqualTo(second.getMetadata().getUid());
    }
  }

  @Test
  void whenAnObjectOfTheNameBelongsToSomebodyElse_thenItIsLeftAloneUntilItGoes() {
    var theirs =
        client
            .resource(
                new ConfigMapBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName("demo-head")
                    .withLabels(Labels.of("demo", Labels.Component.HEAD))
                    .endMetadata()
                    .addToData("theirs", "1")
                    .build())
            .create();
    create("claim");
    startOperator();
    complete(awaitJob());
    await("workers").atMost(LIMIT).until(() -> all(StatefulSet.class).size() == 1);
    await("the name is found taken")
        .atMost(LIMIT)
        .until(() -> audit("patch", "configmaps", "demo-head", 409) > 0);

    assertThat(client.resource(theirs).get()).isEqualTo(theirs);
    assertThat(all(Deployment.class)).isEmpty();
    client.resource(theirs).delete();
    awaitHead();
    assertThat(client.resource(theirs).get().getData()).containsKey("head.json");
  }

  @Test
  void whenTheClusterComesBack_thenItFindsItsClaimAgain() {
    create("everything");
    startOperator();
    awaitJob();
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName("glm-model");
    await("the claim").atMost(LIMIT).until(() -> claim.get() != null);
    var uid = claim.get().getMetadata().getUid();

    // Without a garbage collector, what the first one owned has to be removed by hand.
    client.resource(cluster()).delete();
    operators.removeFirst().stop();
    for (var type :
        List.of(Job.class, ConfigMap.class, NetworkPolicy.class, PodDisruptionBudget.class)) {
      client.resources(type).inNamespace(namespace).withLabel(Labels.CLUSTER).delete();
    }
    client.services().inNamespace(namespace).withLabel(Labels.CLUSTER).delete();
    client.secrets().inNamespace(namespace).delete();
    create("everything");
    startOperator();
    awaitJob();

    assertThat(claim.get().getMetadata().getUid()).isEqualTo(uid);
    assertThat(claim.get().getMetadata().getOwnerReferences()).isEmpty();
  }

  @Test
  void whenPodMonitorsAreKnown_thenThereIsOne() {
    create("claim");
    startOperator();

    await("the monitor").atMost(LIMIT).until(() -> names(PodMonitor.class).equals(List.of("demo")));
  }

  private void startOperator() {
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

  private static Map<String, Quantity> size(PersistentVolumeClaim claim) {
    return claim.getSpec().getResources().getRequests();
  }

  /** As a provisioner would. */
  private Resource<PersistentVolumeClaim> bind(String name) {
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName(name);
    claim.editStatus(
        known ->
            new PersistentVolumeClaimBuilder(known)
                .withNewStatus()
                .withPhase("Bound")
                .withCapacity(known.getSpec().getResources().getRequests())
                .endStatus()
                .build());
    return claim;
  }

  private void create(String name) {
    create(name, text -> text);
  }

  private void create(String name, UnaryOperator<String> change) {
    var cluster = Blueprints.cluster(name, change);
    cluster.getMetadata().setNamespace(namespace);
    cluster.getMetadata().setUid(null);
    client.resource(cluster).create();
  }

  private InferenceCluster cluster() {
    return one(InferenceCluster.class);
  }

  private void change(UnaryOperator<String> change) {
    var changed = Blueprints.cluster("everything", change);
    changed.getMetadata().setNamespace(namespace);
    changed.getMetadata().setUid(null);
    client.resource(changed).patch();
  }

  private Job awaitJob() {
    await("the model's job").atMost(LIMIT).until(() -> all(Job.class).size() == 1);
    return one(Job.class);
  }

  private void awaitHead() {
    await("the head").atMost(LIMIT).until(() -> all(Deployment.class).size() == 1);
  }

  /** A pod of the head, in which one answers that has given up; the real Deployment makes none. */
  private ScriptedPod headAnswers(String reason, String message) throws IOException {
    var ip = "127.0.3." + namespace.replaceAll("\\D", "");
    var pod =
        client
            .resource(
                new PodBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName("glm-head-1")
                    .withLabels(Labels.of("glm", Labels.Component.HEAD))
                    .endMetadata()
                    .withNewSpec()
                    .addNewContainer()
                    .withName("head")
                    .withImage("registry.example/none:1")
                    .endContainer()
                    .endSpec()
                    .build())
            .create();
    var answers =
        ScriptedPod.at(
            ip,
            Ports.MANAGEMENT,
            ScriptedPod.json(
                """
                {"identity": {"clusterUid": "%s", "revision": "1", "podUid": "%s"},
                 "phase": "Failed", "reason": "%s", "message": "%s"}
                """
                    .formatted(
                        cluster().getMetadata().getUid(),
                        pod.getMetadata().getUid(),
                        reason,
                        message)));
    client
        .resource(
            new PodBuilder(pod)
                .withNewStatus()
                .withPhase("Running")
                .withPodIP(ip)
                .addNewPodIP(ip)
                .addNewContainerStatus()
                .withName("head")
                .withImage("registry.example/none:1")
                .withImageID("")
                .withReady(false)
                .withRestartCount(0)
                .withNewState()
                .withNewRunning()
                .withStartedAt(Instant.now().toString())
                .endRunning()
                .endState()
                .endContainerStatus()
                .endStatus()
                .build())
        .patchStatus();
    return answers;
  }

  /** As the controller of Jobs would, which does not run here. */
  private static void complete(Job job) {
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

  /** As the controller of Jobs would: whether the container runs, or waits to be tried again. */
  private static void say(Job job, int ready) {
    client
        .resource(
            new JobBuilder(job)
                .withNewStatus()
                .withStartTime(Instant.now().toString())
                .withActive(1)
                .withReady(ready)
                .endStatus()
                .build())
        .patchStatus();
  }

  private void apply(String manager, String yaml) {
    client
        .resource(yaml.formatted(namespace))
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(manager)
                .withForce(true)
                .build());
  }

  private <R extends HasMetadata> List<R> all(Class<R> type) {
    return client.resources(type).inNamespace(namespace).list().getItems();
  }

  private <R extends HasMetadata> R one(Class<R> type) {
    return all(type).getFirst();
  }

  private <R extends HasMetadata> List<String> names(Class<R> type) {
    return all(type).stream().map(object -> object.getMetadata().getName()).sorted().toList();
  }

  private Map<String, String> versions() {
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
  private List<String> writes() {
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

  private long audit(String verb, String resource, String name, int code) {
    return audit()
        .filter(event -> event.path("verb").asText().equals(verb))
        .filter(event -> event.path("objectRef").path("resource").asText().equals(resource))
        .filter(event -> event.path("objectRef").path("name").asText().equals(name))
        .filter(event -> event.path("responseStatus").path("code").asInt() == code)
        .count();
  }

  private Stream<JsonNode> audit() {
    try {
      return Files.readAllLines(server.auditLog()).stream()
          .map(OwnedObjectsIT::event)
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
