// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Ports;
import dev.knarr.operator.Scene;
import dev.knarr.operator.observe.ScriptedPod;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.ResourceQuota;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A cluster {@code glm} in a namespace of its own, whose objects are all made by the operator and
 * whose pods are all made and placed by Kubernetes. What a kubelet would say of them is written by
 * hand, and what would answer in the pod of the head or of the fetch answers on loopback. One
 * thread.
 */
final class PlayedCluster implements AutoCloseable {
  static final Duration LIMIT = Duration.ofMinutes(3);
  static final String NAME = "glm";

  /** The model comes into an emptyDir of the head's pod, so nothing waits for it. */
  static final String SPEC = spec("a100, replicas: 2, backend: cpu");

  /** A Job checks the file before anything else starts. */
  static final String ON_NODE =
      SPEC.replaceFirst("http: \\{[^}]*}", "hostPath: { path: /srv/glm.gguf }");

  /** The status of a pod that brings the model. */
  private static final String FETCHING =
      """
      phase: Pending
      podIP: 10.0.0.7
      containerStatuses:
        - name: CONTAINER
          ready: false
          restartCount: 0
          image: ghcr.io/knarr/part:1
          imageID: ""
          state: { running: { startedAt: "2026-11-22T11:00:00Z" } }
      """;

  private final Stage stage;
  private final String namespace;
  private final String podIp;
  private final String since = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
  private final List<ScriptedPod> pods = new ArrayList<>();

  PlayedCluster(Stage stage, String namespace) {
    this.stage = stage;
    this.namespace = namespace;
    this.podIp = stage.nextAddress();
    client()
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
        .create();
  }

  /** A spec whose only group is this. */
  static String spec(String group) {
    return """
    model: { name: glm-4.6, source: { http: { url: "https://example.org/glm.gguf" } } }
    workers: [ { name: %s } ]
    """
        .formatted(group);
  }

  String namespace() {
    return namespace;
  }

  KubernetesClient client() {
    return stage.client();
  }

  Stage stage() {
    return stage;
  }

  /** Creates the cluster. */
  void create(String spec) {
    client().resource(document(spec)).create();
  }

  /** Gives it another spec. */
  void change(String spec) {
    client().resource(document(spec)).forceConflicts().serverSideApply();
  }

  private InferenceCluster document(String spec) {
    return Scene.yaml(
        InferenceCluster.class,
        """
        apiVersion: knarr.dev/v1alpha1
        kind: InferenceCluster
        metadata: { name: %s, namespace: %s }
        spec:
        %s"""
            .formatted(NAME, namespace, spec.indent(2)));
  }

  /** Creates something of others in its namespace. */
  <T extends HasMetadata> T add(Class<T> type, String yaml) {
    var object = Scene.yaml(type, yaml);
    object.getMetadata().setNamespace(namespace);
    return client().resource(object).create();
  }

  /** Puts a quota in force that allows none of these. */
  void limit(String resource) {
    add(
        ResourceQuota.class,
        "{ apiVersion: v1, kind: ResourceQuota, metadata: { name: small }, spec: { hard: { %s: \"0\" } } }"
            .formatted(resource));
    await("the quota in force in " + namespace)
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(KubernetesClientException.class)
        .until(
            () -> {
              var quota = client().resourceQuotas().inNamespace(namespace).withName("small").get();
              return quota.getStatus().getHard() != null;
            });
  }

  Resource<InferenceCluster> resource() {
    return client().resources(InferenceCluster.class).inNamespace(namespace).withName(NAME);
  }

  InferenceClusterStatus status() {
    return Optional.ofNullable(resource().get())
        .map(InferenceCluster::getStatus)
        .orElseGet(InferenceClusterStatus::new);
  }

  /** The pods of a part, by name. */
  List<Pod> pods(Labels.Component part) {
    return client()
        .pods()
        .inNamespace(namespace)
        .withLabel(Labels.COMPONENT, part.value())
        .list()
        .getItems()
        .stream()
        .sorted(Comparator.comparing(pod -> pod.getMetadata().getName()))
        .toList();
  }

  /** A pod of a part, once it is there. */
  Pod pod(Labels.Component part, int index) {
    await("pod %d of the %s in %s".formatted(index, part.value(), namespace))
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(KubernetesClientException.class)
        .until(() -> pods(part).size() > index);
    return pods(part).get(index);
  }

  /** A pod of a part, once it has a node. */
  Pod placed(Labels.Component part, int index) {
    await("a node for pod %d of the %s in %s".formatted(index, part.value(), namespace))
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(KubernetesClientException.class)
        .until(() -> pod(part, index).getSpec().getNodeName() != null);
    return pod(part, index);
  }

  /** Says this of a pod; {@code CONTAINER} stands for the container that does the work. */
  Pod say(Labels.Component part, int index, String status) {
    var pod = placed(part, index);
    var container = part == Labels.Component.MODEL ? "fetch" : part.value();
    client()
        .resource(pod)
        .editStatus(
            known -> {
              var said =
                  Scene.yaml(
                      PodStatus.class,
                      status.replace("CONTAINER", container).replace("10.0.0.7", podIp));
              said.setQosClass(known.getStatus().getQosClass());
              known.setStatus(said);
              return known;
            });
    return pod;
  }

  /** Says that a pod runs and is ready. */
  Pod run(Labels.Component part, int index) {
    return say(part, index, Scene.RUNNING);
  }

  /** Says that both workers run and are ready. */
  void runWorkers() {
    run(Labels.Component.WORKER, 0);
    run(Labels.Component.WORKER, 1);
  }

  /** Has all pods run and this head answer in its own. */
  ScriptedPod serve(String json) throws IOException {
    runWorkers();
    var answering = answer(head(json));
    run(Labels.Component.HEAD, 0);
    return answering;
  }

  /** What a head of this cluster answers; {@link Scene#head} makes it for the cluster there. */
  ScriptedPod.Script head(String json) {
    var pod = placed(Labels.Component.HEAD, 0);
    return ScriptedPod.json(
        json.replace(uid(Scene.empty().cluster), uid(resource().get()))
            .replace(
                Scene.REVISION,
                pod.getMetadata().getAnnotations().getOrDefault(Labels.REVISION, ""))
            .replace("uid-of-glm-head-7d9f", uid(pod)));
  }

  /** Has the fetch in this pod run and say how far it is. */
  void fetch(Labels.Component part, String state, int percent, String reason) throws IOException {
    var pod = placed(part, 0);
    answer(
        ScriptedPod.json(
            """
            {"identity": {"clusterUid": "%s", "revision": "", "podUid": "%s"}, "state": "%s",
             "percent": %d, "bytes": 1, "totalBytes": 42949672960, "reason": "%s", "message": "…"}
            """
                .formatted(uid(resource().get()), uid(pod), state, percent, reason)));
    say(part, 0, ofFetch(part, FETCHING));
  }

  /** Says that the fetch in this pod ended so. */
  void fetchEnded(Labels.Component part, String reason, String message) {
    var result = "{\"reason\":\"%s\",\"message\":\"%s\",\"bytes\":0}".formatted(reason, message);
    say(part, 0, ofFetch(part, Scene.ENDED.formatted(Serialization.asJson(result))));
  }

  /** In the head's pod an init container brings the model. */
  private static String ofFetch(Labels.Component part, String status) {
    return part == Labels.Component.HEAD
        ? status.replace("containerStatuses", "initContainerStatuses").replace("CONTAINER", "fetch")
        : status;
  }

  /** Says that the container ended with these last words. */
  void ended(Labels.Component part, int index, String lastWords) {
    say(part, index, Scene.ENDED.formatted(Serialization.asJson(lastWords)));
  }

  /** Says that the container waits for this. */
  void waits(Labels.Component part, int index, String reason, String message) {
    say(
        part,
        index,
        """
        phase: Pending
        containerStatuses:
          - name: CONTAINER
            ready: false
            restartCount: 0
            image: registry.example/knarr/worker-cpu:1
            imageID: ""
            state: { waiting: { reason: %s, message: %s } }
        """
            .formatted(reason, Serialization.asJson(message)));
  }

  /** Where its pods are reached. */
  String address() {
    return podIp;
  }

  /** When this began, as a time stamp of Kubernetes. */
  String since() {
    return since;
  }

  /** Answers at the address of its pods. */
  ScriptedPod answer(ScriptedPod.Script script) throws IOException {
    var pod = ScriptedPod.at(podIp, Ports.MANAGEMENT, script);
    pods.add(pod);
    return pod;
  }

  static String uid(HasMetadata object) {
    return Objects.requireNonNull(object.getMetadata().getUid());
  }

  @Override
  public void close() throws IOException {
    for (var pod : pods) {
      pod.close();
    }
  }
}
