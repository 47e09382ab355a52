// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.operator.observe.Answer;
import dev.knarr.operator.observe.AnswerIdentity;
import dev.knarr.operator.observe.FetchAnswer;
import dev.knarr.operator.observe.HeadAnswer;
import dev.knarr.operator.observe.NodeState;
import dev.knarr.operator.observe.Observation;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A cluster {@code glm} of two workers, {@code a100-0} and {@code a100-1}, and what is seen of it
 * at {@link #NOW}; each test adds what it is about. One thread.
 */
public final class Scene {
  public static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
  public static final String REVISION = "5f3a9c01";
  private static final String UID = "0b0e6a52-0000-4000-8000-000000000001";

  public final InferenceCluster cluster;
  private final List<Pod> pods = new ArrayList<>();
  private final List<StatefulSet> sets = new ArrayList<>();
  private final List<Event> events = new ArrayList<>();
  private final Map<String, Optional<PersistentVolumeClaim>> claims = new HashMap<>();
  private final Map<String, NodeState> nodes = new HashMap<>();
  private @Nullable Deployment deployment;
  private @Nullable Job job;
  private @Nullable Answer headAnswer;
  private @Nullable Answer fetchAnswer;
  private int restarts;
  private Instant at = NOW;

  private Scene() {
    cluster =
        yaml(
            InferenceCluster.class,
            """
            apiVersion: knarr.dev/v1alpha1
            kind: InferenceCluster
            metadata: { name: glm, namespace: models, uid: %s, generation: 3 }
            spec:
              model:
                name: glm-4.6
                source: { claim: { claimName: models, path: glm.gguf } }
              workers:
                - { name: a100, replicas: 2, backend: cuda }
            """
                .formatted(UID));
  }

  public static Scene empty() {
    return new Scene();
  }

  /** Everything as it is when the cluster is ready. */
  public static Scene ready() {
    return running().head(readyHead());
  }

  /** All pods run, and nobody has said anything yet. */
  public static Scene running() {
    return empty()
        .modelDone()
        .worker("a100-0", RUNNING)
        .worker("a100-1", RUNNING)
        .headPod(RUNNING)
        .set(2)
        .deployment("{ replicas: 1 }");
  }

  /** A status of a pod that has been ready for an hour. */
  public static final String RUNNING =
      """
      phase: Running
      podIP: 10.0.0.7
      conditions:
        - { type: PodScheduled, status: "True" }
        - { type: Ready, status: "True", lastTransitionTime: "2026-11-22T11:00:00Z" }
      containerStatuses:
        - name: CONTAINER
          ready: true
          restartCount: 0
          image: ghcr.io/knarr/part:1
          state: { running: { startedAt: "2026-11-22T11:00:00Z" } }
      """;

  /** The status of a pod whose container has ended again; its last words go into it. */
  public static final String ENDED =
      """
      phase: Running
      podIP: 10.0.0.7
      conditions: [ { type: Ready, status: "False", lastTransitionTime: "2026-11-22T11:59:50Z" } ]
      containerStatuses:
        - name: CONTAINER
          ready: false
          restartCount: 2
          image: ghcr.io/knarr/part:1
          imageID: ""
          state: { waiting: { reason: CrashLoopBackOff, message: "back-off 20s restarting failed container" } }
          lastState: { terminated: { exitCode: 1, reason: Error, message: %s } }
      """;

  public static <T> T yaml(Class<T> type, String text) {
    // What begins with a brace would be taken for JSON.
    return Serialization.unmarshal("---\n" + text, type);
  }

  public Scene change(Consumer<InferenceCluster> change) {
    change.accept(cluster);
    return this;
  }

  public Scene previous(InferenceClusterStatus status) {
    cluster.setStatus(status);
    return this;
  }

  public Scene at(Instant now) {
    at = now;
    return this;
  }

  /** A worker's pod on node n1 with this status; {@code CONTAINER} stands for its container. */
  public Scene worker(String name, String status) {
    return pod("glm-" + name, "worker", "knarr.dev/group: a100", "nodeName: n1", status);
  }

  public Scene pendingWorker(String name, String spec, String status) {
    return pod("glm-" + name, "worker", "knarr.dev/group: a100", spec, status);
  }

  public Scene headPod(String status) {
    return pod("glm-head-7d9f", "head", "", "nodeName: n2", status);
  }

  public Scene modelPod(String status) {
    return pod("glm-model-00aa11bb-x7k2p", "model", "", "nodeName: n2", status);
  }

  private Scene pod(String name, String component, String label, String spec, String status) {
    var container = component.equals("model") ? "fetch" : component;
    pods.add(
        yaml(
            Pod.class,
            """
            apiVersion: v1
            kind: Pod
            metadata:
              name: %s
              namespace: models
              uid: uid-of-%s
              creationTimestamp: "2026-11-22T11:00:00Z"
              labels:
                knarr.dev/cluster: glm
                app.kubernetes.io/component: %s
                %s
            spec:
              %s
              containers:
                - name: %s
                  resources:
                    requests: { nvidia.com/gpu: "2", memory: 16Gi }
                    limits: { nvidia.com/gpu: "2", memory: 16Gi }
            status:
            %s"""
                .formatted(
                    name,
                    name,
                    component,
                    label,
                    spec.indent(2).strip(),
                    container,
                    status.replace("CONTAINER", container).indent(2))));
    return this;
  }

  /** Tells the last pod that was added to end, with a grace period that ended at this time. */
  public Scene deletedAt(String time) {
    pods.getLast().getMetadata().setDeletionTimestamp(time);
    return this;
  }

  public Scene set(int replicas) {
    sets.add(
        yaml(
            StatefulSet.class,
            """
            apiVersion: apps/v1
            kind: StatefulSet
            metadata:
              name: glm-a100
              namespace: models
              uid: uid-of-glm-a100
              labels: { knarr.dev/group: a100, knarr.dev/cluster: glm }
            spec: { replicas: %d }
            """
                .formatted(replicas)));
    return this;
  }

  public Scene deployment(String status) {
    deployment =
        yaml(
            Deployment.class,
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata: { name: glm-head, namespace: models, uid: uid-of-glm-head }
            spec: { replicas: 1 }
            status: %s
            """
                .formatted(status));
    return this;
  }

  public Scene modelDone() {
    return job(
        "{ completionTime: \"2026-11-22T10:59:00Z\", conditions: [ { type: Complete, status: \"True\" } ] }");
  }

  public Scene job(String status) {
    job =
        yaml(
            Job.class,
            """
            apiVersion: batch/v1
            kind: Job
            metadata: { name: glm-model-00aa11bb, namespace: models, uid: uid-of-glm-model }
            status: %s
            """
                .formatted(status));
    return this;
  }

  public Scene event(String about, String reason, String message) {
    events.add(
        yaml(
            Event.class,
            """
            apiVersion: v1
            kind: Event
            metadata: { name: e%d, namespace: models }
            involvedObject: { name: %s, uid: uid-of-%s }
            type: Warning
            reason: %s
            lastTimestamp: "2026-11-22T11:59:55Z"
            """
                .formatted(events.size(), about, about, reason)));
    events.getLast().setMessage(message);
    return this;
  }

  public Scene claim(String name, @Nullable String yaml) {
    claims.put(
        name, Optional.ofNullable(yaml).map(text -> yaml(PersistentVolumeClaim.class, text)));
    return this;
  }

  public Scene node(String name, String trouble) {
    nodes.put(name, new NodeState(name, Optional.of(trouble), at));
    return this;
  }

  public Scene head(String json) {
    headAnswer = new Answer.OfHead(readHead(json));
    return this;
  }

  public static HeadAnswer readHead(String json) {
    return yaml(HeadAnswer.class, json);
  }

  public Scene headSilent(String sentence, boolean everAnswered) {
    headAnswer = new Answer.Silence(sentence, everAnswered);
    return this;
  }

  public Scene fetch(String state, int percent, String reason, String message) {
    fetchAnswer =
        new Answer.OfFetch(
            new FetchAnswer(
                new AnswerIdentity(UID, REVISION, "uid-of-pod"),
                state,
                percent,
                40L << 30,
                reason,
                message));
    return this;
  }

  public Scene restarts(int count) {
    restarts = count;
    return this;
  }

  public Observation seen() {
    return new Observation(
        at,
        pods,
        sets,
        Optional.ofNullable(deployment),
        Optional.ofNullable(job),
        claims,
        nodes,
        events,
        Optional.ofNullable(headAnswer),
        Optional.ofNullable(fetchAnswer),
        restarts);
  }

  /** A head that serves with both workers proven. */
  public static String readyHead() {
    return head("Ready", "AsPlanned", "Serving.", proven("a100-0"), proven("a100-1"));
  }

  public static String head(String phase, String reason, String message, String... workers) {
    return """
        {"identity": {"clusterUid": "%s", "revision": "%s", "podUid": "uid-of-glm-head-7d9f"},
         "phase": "%s", "reason": "%s", "message": "%s", "loadPercent": 42,
         "workers": [%s],
         "plan": {"bytesPerToken": 41230, "devices": [
           {"name": "a100-0/0", "layers": "0-22", "weightsBytes": 61310000000, "kvBytes": 3435973836,
            "computeBytes": 1073741824, "freeBytes": 77600000000},
           {"name": "a100-1/0", "layers": "23-45", "output": true, "weightsBytes": 61310000000,
            "kvBytes": 3435973836, "computeBytes": 1073741824, "freeBytes": 77600000000}]},
         "tokensPerSecond": {"prompt": 320, "generation": 19},
         "llamaServer": {"pid": 17, "restarts": 0}, "warnings": []}
        """
        .formatted(UID, REVISION, phase, reason, message, String.join(",", workers));
  }

  public static String proven(String name) {
    return """
        {"name": "%s", "state": "Proven", "protocol": "8.0.0", "cachedPercent": 97, "loadPercent": 100,
         "devices": [{"name": "%s/0", "totalBytes": 85899345920}]}
        """
        .formatted(name, name);
  }

  public static String waiting(String name, String message) {
    return """
        {"name": "%s", "state": "Waiting", "message": "%s", "devices": []}
        """
        .formatted(name, message);
  }

  public static String lost(String name, String message) {
    return """
        {"name": "%s", "state": "Lost", "protocol": "8.0.0", "lastSeen": "2026-11-22T11:59:48Z",
         "message": "%s", "devices": [{"name": "%s/0", "totalBytes": 85899345920}]}
        """
        .formatted(name, message, name);
  }
}
