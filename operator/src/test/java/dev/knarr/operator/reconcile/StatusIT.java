// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Scene;
import dev.knarr.operator.observe.Observer;
import dev.knarr.operator.observe.ScriptedPod;
import dev.knarr.operator.observe.StatusPoller;
import dev.knarr.testkit.kube.ApiServer;
import dev.knarr.testkit.kube.KubePrograms;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.ResourceQuota;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.javaoperatorsdk.operator.processing.event.source.informer.Mappers;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What a user sees, from a real API server with real controllers and a real scheduler. No kubelet
 * runs: what one would say of a pod is written by hand, and what would answer in a pod answers on
 * loopback.
 */
class StatusIT {
  /** Within this everything that goes wrong has to be named. */
  private static final Duration SOON = Duration.ofSeconds(15);

  private static final AtomicInteger COUNT = new AtomicInteger();

  private static ApiServer server;
  private static KubernetesClient client;

  /** By namespace, what happens once between a look and what is written of it. */
  private static final Map<String, Runnable> MEANWHILE = new ConcurrentHashMap<>();

  private static Operator operator;
  private static int port;

  private String namespace;
  private String podIp;
  private final List<ScriptedPod> pods = new ArrayList<>();

  /** Observes and reports, and applies nothing. */
  @ControllerConfiguration(name = "status-only")
  static final class StatusOnly implements Reconciler<InferenceCluster> {
    private final Observer observer;
    private final StatusReporter reporter;

    StatusOnly(Observer observer, StatusReporter reporter) {
      this.observer = observer;
      this.reporter = reporter;
    }

    @Override
    public List<EventSource<?, InferenceCluster>> prepareEventSources(
        EventSourceContext<InferenceCluster> context) {
      var sources = new ArrayList<EventSource<?, InferenceCluster>>(observer.eventSources(context));
      sources.add(owned(StatefulSet.class, context));
      sources.add(owned(Deployment.class, context));
      return sources;
    }

    private static <T extends HasMetadata> EventSource<T, InferenceCluster> owned(
        Class<T> type, EventSourceContext<InferenceCluster> context) {
      return new InformerEventSource<>(
          InformerEventSourceConfiguration.from(type, InferenceCluster.class)
              .withName(type.getSimpleName())
              .withLabelSelector(Labels.SELECTOR)
              .withSecondaryToPrimaryMapper(
                  Mappers.fromOwnerReferences(InferenceCluster.class, false))
              .build(),
          context);
    }

    @Override
    public UpdateControl<InferenceCluster> reconcile(
        InferenceCluster cluster, Context<InferenceCluster> context) {
      var control =
          reporter.report(
              cluster,
              Pass.applied(Optional.of(Scene.REVISION), Optional.empty()),
              observer.observe(cluster, context));
      Optional.ofNullable(MEANWHILE.remove(cluster.getMetadata().getNamespace()))
          .ifPresent(Runnable::run);
      return control;
    }
  }

  @BeforeAll
  static void start() throws IOException {
    server =
        ApiServer.with()
            .controllers(
                "statefulset-controller",
                "deployment-controller",
                "replicaset-controller",
                "resourcequota-controller",
                "persistentvolume-binder-controller")
            .scheduler()
            .start();
    client = server.client();
    client
        .load(Files.newInputStream(Path.of("..", "crds", "inferenceclusters.knarr.dev.yaml")))
        .serverSideApply();
    await("the definition")
        .ignoreExceptions()
        .until(() -> client.resources(InferenceCluster.class).list() != null);
    makeNode("roomy");
    try (var any = new ServerSocket(0)) {
      port = any.getLocalPort();
    }
    var clock = Clock.systemUTC();
    var poller = new StatusPoller(port, StatusPoller.Beat.DEFAULT, clock);
    operator =
        new Operator(
            configuration ->
                configuration
                    .withKubernetesClient(client)
                    .withCloseClientOnStop(false)
                    // The usual one ends the process, which is the tests' own here.
                    .withInformerStoppedHandler((_, _) -> {}));
    operator.register(
        new StatusOnly(
            new Observer(poller, clock),
            new StatusReporter(new KubernetesEvents(client, "status-it", clock))));
    operator.start();
  }

  @AfterAll
  static void stop() {
    if (operator != null) {
      operator.stop();
    }
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void makeNamespace() {
    int number = COUNT.incrementAndGet();
    namespace = "status-" + number;
    podIp = "127.0.2." + number;
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
        .create();
  }

  @AfterEach
  void closePods() throws IOException {
    for (var pod : pods) {
      pod.close();
    }
    client.resources(InferenceCluster.class).inNamespace(namespace).delete();
  }

  private InferenceCluster cluster() {
    var cluster = Scene.empty().cluster;
    cluster.getMetadata().setNamespace(namespace);
    cluster.getMetadata().setUid(null);
    cluster.getMetadata().setGeneration(null);
    return client.resource(cluster).create();
  }

  private <T extends HasMetadata> T create(Class<T> type, InferenceCluster owner, String yaml) {
    var object = Scene.yaml(type, yaml);
    object.getMetadata().setNamespace(namespace);
    object
        .getMetadata()
        .setOwnerReferences(
            List.of(
                new OwnerReferenceBuilder()
                    .withApiVersion(owner.getApiVersion())
                    .withKind(owner.getKind())
                    .withName(owner.getMetadata().getName())
                    .withUid(owner.getMetadata().getUid())
                    .withController(true)
                    .build()));
    return client.resource(object).create();
  }

  private static String labels(String component) {
    return "app.kubernetes.io/managed-by: knarr-operator, knarr.dev/cluster: glm, app.kubernetes.io/component: "
        + component
        + (component.equals("worker") ? ", knarr.dev/group: a100" : "");
  }

  /** Pods as the objects of the operator make them. */
  private void workers(InferenceCluster owner, String template) {
    create(
        StatefulSet.class,
        owner,
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: { name: glm-a100, labels: { %1$s } }
        spec:
          replicas: 2
          podManagementPolicy: Parallel
          serviceName: glm-a100
          selector: { matchLabels: { knarr.dev/group: a100 } }
          template:
            metadata: { labels: { %1$s } }
            spec: %2$s
        """
            .formatted(labels("worker"), template));
  }

  private void head(InferenceCluster owner) {
    create(
        Deployment.class,
        owner,
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: glm-head, labels: { %1$s } }
        spec:
          replicas: 1
          selector: { matchLabels: { app.kubernetes.io/component: head } }
          template:
            metadata: { labels: { %1$s } }
            spec: { containers: [ { name: head, image: ghcr.io/knarr/head:1 } ] }
        """
            .formatted(labels("head")));
  }

  private Pod awaitPod(String component, int index) {
    await("the pods of the " + component)
        .atMost(SOON)
        .until(() -> podsOf(component).size() > index);
    return podsOf(component).get(index);
  }

  private List<Pod> podsOf(String component) {
    return client
        .pods()
        .inNamespace(namespace)
        .withLabel("app.kubernetes.io/component", component)
        .list()
        .getItems();
  }

  private void say(Pod pod, String status) {
    client
        .pods()
        .inNamespace(namespace)
        .withName(pod.getMetadata().getName())
        .editStatus(
            known -> {
              var said = Scene.yaml(PodStatus.class, status);
              said.setQosClass(known.getStatus().getQosClass());
              known.setStatus(said);
              return known;
            });
  }

  private String running(String container) {
    return Scene.RUNNING.replace("CONTAINER", container).replace("10.0.0.7", podIp);
  }

  private ScriptedPod answering(ScriptedPod.Script script) throws IOException {
    var pod = ScriptedPod.at(podIp, port, script);
    pods.add(pod);
    return pod;
  }

  private static ScriptedPod.Script head(InferenceCluster cluster, Pod pod, String json) {
    return ScriptedPod.json(
        json.replace(
                Objects.requireNonNull(Scene.empty().cluster.getMetadata().getUid()),
                cluster.getMetadata().getUid())
            .replace("uid-of-glm-head-7d9f", pod.getMetadata().getUid()));
  }

  private InferenceClusterStatus status() {
    return Optional.ofNullable(
            client.resources(InferenceCluster.class).inNamespace(namespace).withName("glm").get())
        .map(InferenceCluster::getStatus)
        .orElseGet(InferenceClusterStatus::new);
  }

  private String awaitReason(String reason) {
    await(reason).atMost(SOON).until(() -> reason.equals(status().getReason()));
    return Conditions.find(status(), ConditionType.READY).map(Condition::getMessage).orElseThrow();
  }

  private int kubectl(String... words) throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    command.add(KubePrograms.program("kubectl").toString());
    command.add("--kubeconfig=" + server.kubeconfigFile());
    command.add("--namespace=" + namespace);
    command.addAll(List.of(words));
    var process = new ProcessBuilder(command).inheritIO().start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    return process.exitValue();
  }

  private List<Event> events(String reason) {
    return client
        .v1()
        .events()
        .inNamespace(namespace)
        .withField("reason", reason)
        .list()
        .getItems()
        .stream()
        .filter(event -> event.getInvolvedObject().getKind().equals(InferenceCluster.KIND))
        .toList();
  }

  private static final String PLAIN =
      "{ containers: [ { name: worker, image: ghcr.io/knarr/worker:1 } ] }";

  @Test
  void whenTheSpecChangesBeforeItsStatusIsWritten_thenTheStatusIsOfTheLaterOne() {
    var clusters = client.resources(InferenceCluster.class).inNamespace(namespace);
    var mixed = new CopyOnWriteArrayList<String>();
    MEANWHILE.put(
        namespace,
        () ->
            clusters
                .withName("glm")
                .edit(
                    cluster -> {
                      cluster.getSpec().setReplicas(0);
                      return cluster;
                    }));

    try (var _ = clusters.watch(new Mixed(mixed))) {
      cluster();
      await("the later spec is seen")
          .atMost(SOON)
          .until(() -> Long.valueOf(2).equals(status().getObservedGeneration()));
    }

    assertThat(mixed).isEmpty();
  }

  /** Collects statuses that speak of another spec than the one beside them. */
  private record Mixed(List<String> found) implements Watcher<InferenceCluster> {
    @Override
    public void eventReceived(Action action, InferenceCluster cluster) {
      var status = cluster.getStatus();
      var generation = cluster.getMetadata().getGeneration();
      if (status != null && !generation.equals(status.getObservedGeneration())) {
        found.add("%d beside %d".formatted(status.getObservedGeneration(), generation));
      }
    }

    @Override
    public void onClose(WatcherException cause) {}
  }

  @Test
  void whenTheHeadServesLosesAWorkerAndFreezes_thenEachIsSeenAndNothingElseIsWritten()
      throws Exception {
    var cluster = cluster();
    workers(cluster, PLAIN);
    head(cluster);
    say(awaitPod("worker", 0), running("worker"));
    say(awaitPod("worker", 1), running("worker"));
    var pod = awaitPod("head", 0);
    var script = answering(head(cluster, pod, Scene.readyHead()));
    say(pod, running("head"));

    assertThat(kubectl("wait", "--for=condition=Ready", "ic/glm", "--timeout=60s")).isZero();

    // Answers and pods that change in what is not shown.
    var version = resourceVersion();
    int asked = script.asked();
    client
        .pods()
        .inNamespace(namespace)
        .withName(pod.getMetadata().getName())
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"metadata\":{\"annotations\":{\"example.org/note\":\"unrelated\"}}}");
    await("more answers").atMost(Duration.ofSeconds(30)).until(() -> script.asked() > asked + 2);
    assertThat(resourceVersion()).isEqualTo(version);

    // Another writer takes a field and adds one that is not ours.
    client
        .resources(InferenceCluster.class)
        .inNamespace(namespace)
        .withName("glm")
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"metadata\":{\"annotations\":{\"example.org/owner\":\"somebody\"}}}");
    client
        .resources(InferenceCluster.class)
        .inNamespace(namespace)
        .withName("glm")
        .subresource("status")
        .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"status\":{\"phase\":\"Hacked\"}}");

    script.script(
        head(
            cluster,
            pod,
            Scene.head(
                "WaitingForWorkers",
                "WorkerLost",
                "Lost.",
                Scene.proven("a100-0"),
                Scene.lost("a100-1", "It closed the connection."))));

    assertThat(awaitReason("WorkerLost")).contains("Worker a100-1 (pod glm-a100-1)");
    assertThat(status().getPhase()).isEqualTo("Degraded");
    assertThat(kubectl("wait", "--for=condition=Ready=false", "ic/glm", "--timeout=1s")).isZero();

    script.script(head(cluster, pod, Scene.readyHead()));
    assertThat(kubectl("wait", "--for=condition=Ready", "ic/glm", "--timeout=30s")).isZero();
    assertThat(
            client
                .resources(InferenceCluster.class)
                .inNamespace(namespace)
                .withName("glm")
                .get()
                .getMetadata()
                .getAnnotations())
        .containsEntry("example.org/owner", "somebody");
    assertThat(events("WorkerBack")).hasSize(1);
    assertThat(events("Ready"))
        .singleElement()
        .satisfies(event -> assertThat(event.getCount()).isEqualTo(2));

    // Frozen: connections are taken and nothing comes.
    script.script(_ -> Thread.sleep(Duration.ofMinutes(10)));
    assertThat(awaitReason("HeadUnreachable")).contains("it does not answer within 2 s");
  }

  private String resourceVersion() {
    return client
        .resources(InferenceCluster.class)
        .inNamespace(namespace)
        .withName("glm")
        .get()
        .getMetadata()
        .getResourceVersion();
  }

  @Test
  void whenAQuotaRefusesPods_thenItIsNamed() {
    client
        .resource(
            Scene.yaml(
                ResourceQuota.class,
                """
                apiVersion: v1
                kind: ResourceQuota
                metadata: { name: small, namespace: %s }
                spec: { hard: { pods: "0" } }
                """
                    .formatted(namespace)))
        .create();
    await("the quota in force")
        .until(
            () ->
                client
                        .resourceQuotas()
                        .inNamespace(namespace)
                        .withName("small")
                        .get()
                        .getStatus()
                        .getHard()
                    != null);
    workers(cluster(), PLAIN);

    assertThat(awaitReason("PodsRefused"))
        .startsWith("Kubernetes refuses pods of workers[a100]: ")
        .contains("exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0")
        .endsWith("Raise the quota of the namespace, or ask for less.");
    assertThat(status().getPhase()).isEqualTo("Pending");
  }

  @Test
  void whenPodSecurityRefusesPods_thenItIsNamed() {
    client
        .namespaces()
        .withName(namespace)
        .edit(
            known -> {
              known
                  .getMetadata()
                  .getLabels()
                  .put("pod-security.kubernetes.io/enforce", "restricted");
              return known;
            });
    var cluster = cluster();
    head(cluster);

    assertThat(awaitReason("PodsRefused"))
        .startsWith("Kubernetes refuses the pod of the head: ")
        .contains("violates PodSecurity \"restricted:latest\"")
        .contains("run the cluster in a namespace whose level allows it");
  }

  @Test
  void whenNoNodeHasTheDevices_thenTheSchedulerIsQuoted() {
    workers(
        cluster(),
        "{ containers: [ { name: worker, image: ghcr.io/knarr/worker:1, resources: { limits: { nvidia.com/gpu: 2 } } } ] }");

    assertThat(awaitReason("Unschedulable"))
        .startsWith("No node takes pod glm-a100-0, which asks for nvidia.com/gpu: 2.")
        .contains("Insufficient nvidia.com/gpu")
        .endsWith("The same goes for a100-1.");
  }

  @Test
  void whenAGateHoldsPodsBack_thenItIsNamed() {
    workers(
        cluster(),
        "{ schedulingGates: [ { name: kueue.x-k8s.io/admission } ], containers: [ { name: worker, image: ghcr.io/knarr/worker:1 } ] }");

    assertThat(awaitReason("Queued"))
        .startsWith("Pod glm-a100-0 is held back by scheduling gate kueue.x-k8s.io/admission.");
    assertThat(status().getPhase()).isEqualTo("Pending");
  }

  @Test
  void whenAClaimIsNotThere_thenItIsNamed() {
    workers(
        cluster(),
        "{ volumes: [ { name: m, persistentVolumeClaim: { claimName: models } } ], containers: [ { name: worker, image: ghcr.io/knarr/worker:1 } ] }");

    assertThat(awaitReason("ClaimPending"))
        .startsWith(
            "Pod glm-a100-0 waits for its volumes. There is no claim models in namespace %s: create it, or correct the name in the spec."
                .formatted(namespace));
  }

  @Test
  void whenNoVolumeFitsAClaim_thenItIsNamed() {
    client
        .resource(
            Scene.yaml(
                PersistentVolumeClaim.class,
                """
                apiVersion: v1
                kind: PersistentVolumeClaim
                metadata: { name: models, namespace: %s }
                spec: { accessModes: [ ReadOnlyMany ], resources: { requests: { storage: 1Gi } } }
                """
                    .formatted(namespace)))
        .create();
    workers(
        cluster(),
        "{ volumes: [ { name: m, persistentVolumeClaim: { claimName: models } } ], containers: [ { name: worker, image: ghcr.io/knarr/worker:1 } ] }");

    assertThat(awaitReason("ClaimPending"))
        .contains(
            "Claim models is not bound (no persistent volumes available for this claim and no storage class is set): make a PersistentVolume");
  }

  @Test
  void whenAnImageCannotBePulled_thenItIsNamed() {
    workers(cluster(), PLAIN);
    say(
        awaitPod("worker", 0),
        """
        phase: Pending
        containerStatuses:
          - name: worker
            image: ghcr.io/knarr/worker:1
            imageID: ""
            ready: false
            restartCount: 0
            state: { waiting: { reason: ErrImagePull, message: "ghcr.io/knarr/worker:1: not found" } }
        """);

    assertThat(awaitReason("ImagePullFailed"))
        .contains("cannot be pulled (ErrImagePull): ghcr.io/knarr/worker:1: not found.");
  }

  @Test
  void whenANodeIsLost_thenItIsNamed() {
    makeNode("doomed");
    workers(
        cluster(),
        "{ nodeSelector: { name: doomed }, containers: [ { name: worker, image: ghcr.io/knarr/worker:1 } ] }");
    await("a node for the pod")
        .atMost(SOON)
        .until(() -> awaitPod("worker", 0).getSpec().getNodeName() != null);
    sayOfNode(
        "doomed",
        "{ type: Ready, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status., lastTransitionTime: \"2026-11-22T11:00:00Z\" }");

    // As the node's controller does it: the containers stay as they were last seen.
    say(
        awaitPod("worker", 0),
        running("worker")
            .replaceFirst("type: Ready, status: \"True\"", "type: Ready, status: \"False\""));

    assertThat(awaitReason("NodeLost"))
        .startsWith("Node doomed of pod glm-a100-0 has not been ready since 2026-11-22T11:00:00Z")
        .contains("Kubelet stopped posting node status.");
  }

  /** A node without a kubelet, as far as the scheduler looks at it. */
  private static void makeNode(String name) {
    client
        .resource(
            Scene.yaml(
                Node.class,
                "{ apiVersion: v1, kind: Node, metadata: { name: %1$s, labels: { name: %1$s } } }"
                    .formatted(name)))
        .create();
    // A new node is tainted until its kubelet says that it is ready.
    client
        .nodes()
        .withName(name)
        .edit(
            known -> {
              known.getSpec().setTaints(List.of());
              return known;
            });
    sayOfNode(
        name, "{ type: Ready, status: \"True\", lastTransitionTime: \"2026-11-22T10:00:00Z\" }");
  }

  private static void sayOfNode(String name, String condition) {
    client
        .nodes()
        .withName(name)
        .editStatus(
            known -> {
              known.setStatus(
                  Scene.yaml(
                      NodeStatus.class,
                      """
                      capacity: { cpu: "64", memory: 64Gi, pods: "1000" }
                      allocatable: { cpu: "64", memory: 64Gi, pods: "1000" }
                      conditions: [ %s ]
                      """
                          .formatted(condition)));
              return known;
            });
  }
}
