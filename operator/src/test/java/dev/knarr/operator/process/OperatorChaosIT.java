// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.dependent.PodMonitor;
import dev.knarr.operator.process.AuditLog.Request;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clusters come and go while the operator is killed again and again. The API server and the
 * controllers are real; no kubelet runs, so pods stay Pending, and those that bring models are said
 * to have succeeded by hand.
 *
 * <p>System properties: {@code knarr.chaos.kills} (20), {@code knarr.chaos.seed} (random).
 */
class OperatorChaosIT {
  private static final String NAMESPACE = "chaos";
  private static final int CLUSTERS = 30;
  private static final int KILLS = Integer.getInteger("knarr.chaos.kills", 20);
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final Duration BEAT = Duration.ofMillis(200);

  /** A life ends after so many writes, wherever the operator is then. */
  private static final int MOST_WRITES = 200;

  /** One life in so many ends while the operator starts. */
  private static final int EARLY_DEATHS = 5;

  private static final int LONGEST_START_MILLIS = 3_000;

  private static final List<Class<? extends HasMetadata>> OWNED =
      List.of(
          ConfigMap.class,
          Deployment.class,
          Job.class,
          NetworkPolicy.class,
          PersistentVolumeClaim.class,
          PodDisruptionBudget.class,
          PodMonitor.class,
          Secret.class,
          Service.class,
          StatefulSet.class);

  @TempDir private Path folder;
  private ApiServer server;
  private KubernetesClient client;
  private OperatorAccount account;
  private AuditLog audit;
  private Random random;
  private final Map<String, Shape> clusters = new TreeMap<>();
  private final Set<String> claims = new TreeSet<>();

  @BeforeEach
  void start() throws IOException {
    server =
        ApiServer.with()
            .audit()
            .garbageCollection()
            .workloads()
            // A pod whose deletion was cut short by a kill waits for it.
            .controllers("pod-garbage-collector-controller")
            .start();
    client = server.client();
    account = OperatorAccount.install(server, folder);
    audit = AuditLog.of(server);
    try (var stream =
        ApiServer.class.getResourceAsStream("podmonitors.monitoring.coreos.com.yaml")) {
      client.load(Objects.requireNonNull(stream)).serverSideApply();
    }
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .create();
    long seed = Long.getLong("knarr.chaos.seed", System.nanoTime());
    System.out.printf("Chaos: -Dknarr.chaos.seed=%d -Dknarr.chaos.kills=%d%n", seed, KILLS);
    random = new Random(seed);
  }

  @AfterEach
  void stop() {
    audit.close();
    server.close();
  }

  @Test
  void whenItIsKilledWhileClustersComeAndGo_thenItConvergesAndFallsSilent() {
    for (int i = 0; i < CLUSTERS; i++) {
      create(name(i));
    }
    for (int i = 0; i < KILLS; i++) {
      // As a container that is started again in its pod.
      try (var operator = startOperator()) {
        if (random.nextInt(EARLY_DEATHS) == 0) {
          var end = operator.started().plusMillis(random.nextInt(LONGEST_START_MILLIS));
          disturbUntil(() -> Instant.now().isAfter(end));
        } else {
          long end = writes() + 1 + random.nextInt(MOST_WRITES);
          disturbUntil(() -> writes() >= end);
        }
      }
    }
    Set<String> wanted;
    try (var operator = startOperator()) {
      try {
        awaitOrder();
      } catch (ConditionTimeoutException e) {
        throw new AssertionError(stuck(operator), e);
      }
      wanted = wanted();
      System.out.printf(
          "After %d kills: %d clusters, %d objects, RSS %d MiB, at most %d MiB%n",
          KILLS,
          clusters.size(),
          wanted.size(),
          operator.mebibytes("VmRSS"),
          operator.mebibytes("VmHWM"));
      awaitSilence();
      operator.stop();
    }

    int before = audit.requests().size();
    try (var operator = startOperator()) {
      await("three looks at every cluster that is not at rest")
          .atMost(LIMIT)
          .until(() -> lookedAtAll(before));
      System.out.printf(
          "With %d clusters: first reconcile %d ms after the start, RSS %d MiB, at most %d MiB%n",
          clusters.size(),
          Duration.between(operator.started(), firstLook(before)).toMillis(),
          operator.mebibytes("VmRSS"),
          operator.mebibytes("VmHWM"));
      assertThat(operator.ready()).isTrue();
      assertThat(operator.log()).doesNotContain("ERROR");
    }

    var requests = audit.requests();
    assertThat(requests.subList(before, requests.size()))
        .as("writes although nothing changed")
        .noneMatch(OperatorChaosIT::matters);
    assertThat(objects()).isEqualTo(wanted);
    assertThat(requests).as("refused").noneMatch(request -> request.code() == 403);
    var used = requests.stream().map(Request::pair).collect(Collectors.toSet());
    assertThat(account.granted()).containsAll(used);
    var unused = new TreeSet<>(account.granted());
    unused.removeAll(used);
    // Apply needs both rights to make an object, and is called a patch in the log.
    unused.removeIf(pair -> used.contains(pair.replaceFirst("^create ", "patch ")));
    System.out.println("Granted and not used here: " + String.join(", ", unused));
  }

  private OperatorProcess startOperator() {
    return OperatorProcess.start(account, "knarr-0", folder, Map.of());
  }

  private static String name(int index) {
    return "c%02d".formatted(index);
  }

  private void disturbUntil(BooleanSupplier moment) {
    var next = new AtomicReference<>(Instant.now());
    await("the moment to kill")
        .atMost(LIMIT)
        .pollInterval(Duration.ofMillis(10))
        .until(
            () -> {
              if (Instant.now().isAfter(next.get())) {
                disturb(name(random.nextInt(CLUSTERS)));
                bringModels();
                next.set(Instant.now().plus(BEAT));
              }
              return moment.getAsBoolean();
            });
  }

  private long writes() {
    return audit.requests().stream().filter(OperatorChaosIT::matters).count();
  }

  /** Whether something is written but the lease. */
  private static boolean matters(Request request) {
    return request.writes() && !request.isOf("leases");
  }

  private void disturb(String name) {
    var shape = clusters.get(name);
    if (shape == null) {
      create(name);
    } else if (random.nextInt(5) == 0) {
      client.resource(shape.cluster(NAMESPACE, name)).delete();
      clusters.remove(name);
    } else {
      apply(name, shape.changed(random));
    }
  }

  private void create(String name) {
    apply(name, Shape.random(random));
  }

  private void apply(String name, Shape shape) {
    client.resource(shape.cluster(NAMESPACE, name)).forceConflicts().serverSideApply();
    clusters.put(name, shape);
  }

  /** As a kubelet would, in no time. */
  private void bringModels() {
    for (var pod : client.pods().inNamespace(NAMESPACE).withLabel("job-name").list().getItems()) {
      if (pod.getStatus().getPhase().equals("Pending") && !pod.isMarkedForDeletion()) {
        try {
          client
              .resource(pod)
              .editStatus(
                  known -> {
                    known.getStatus().setPhase("Succeeded");
                    return known;
                  });
        } catch (KubernetesClientException e) {
          // It has changed or gone meanwhile; the next beat looks again.
          if (e.getCode() != HttpURLConnection.HTTP_CONFLICT
              && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
            throw e;
          }
        }
      }
    }
  }

  private void awaitOrder() {
    await("what the clusters need, and nothing else")
        .atMost(LIMIT)
        .pollInterval(BEAT)
        .untilAsserted(
            () -> {
              bringModels();
              var objects = objects();
              assertSame("objects", objects, wanted());
              assertSame("pods", pods().entrySet(), wantedPods().entrySet());
              assertSame("generations", generations().entrySet(), wantedGenerations().entrySet());
            });
  }

  /** What the clusters and the operator say of themselves, for whoever has to find out why. */
  private String stuck(OperatorProcess operator) {
    var lines = new StringBuilder("No order after %s.%n".formatted(LIMIT));
    for (var cluster : all()) {
      lines.append(
          "%s: %s%n"
              .formatted(
                  cluster.getMetadata().getName(), Serialization.asYaml(cluster.getStatus())));
    }
    for (var pod : client.pods().inNamespace(NAMESPACE).list().getItems()) {
      lines.append("%s: %s%n".formatted(pod.getMetadata().getName(), pod.getMetadata()));
    }
    return lines.append(operator.log()).toString();
  }

  /** Says only what differs. */
  private static <T> void assertSame(String what, Set<T> actual, Set<T> wanted) {
    var extra = new HashSet<>(actual);
    extra.removeAll(wanted);
    var missing = new HashSet<>(wanted);
    missing.removeAll(actual);
    assertThat(extra).as("%s that should not be, missing are %s", what, missing).isEmpty();
    assertThat(missing).as("%s that are missing", what).isEmpty();
  }

  /** Longer than the time between two looks at a cluster that is not ready. */
  private void awaitSilence() {
    await("nothing is written any more")
        .atMost(LIMIT)
        .pollInterval(BEAT)
        .until(
            () ->
                audit.requests().stream()
                    .filter(OperatorChaosIT::matters)
                    .noneMatch(
                        request ->
                            request.at().isAfter(Instant.now().minus(Duration.ofSeconds(8)))));
  }

  private Set<String> wanted() {
    var wanted = new TreeSet<String>();
    clusters.forEach((name, shape) -> wanted.addAll(shape.objects(name)));
    // Claims outlive their clusters.
    wanted.addAll(claims);
    return wanted;
  }

  private Set<String> objects() {
    var objects = new TreeSet<String>();
    for (var type : OWNED) {
      for (var object :
          client
              .resources(type)
              .inNamespace(NAMESPACE)
              .withLabelSelector(Labels.SELECTOR)
              .list()
              .getItems()) {
        var name = object.getMetadata().getName();
        var line =
            object.getKind()
                + " "
                + (object instanceof Job ? name.replaceFirst("-\\w{8}$", "") : name);
        if (object instanceof PersistentVolumeClaim) {
          claims.add(line);
        }
        // Two Jobs of one cluster would be one too many.
        if (!objects.add(line)) {
          objects.add(line + " twice");
        }
      }
    }
    return objects;
  }

  /** Pods by group or part, with the revision each has. */
  private Map<String, Long> pods() {
    return client
        .pods()
        .inNamespace(NAMESPACE)
        .withLabelSelector(Labels.SELECTOR)
        .list()
        .getItems()
        .stream()
        .filter(pod -> !pod.getMetadata().getLabels().containsKey("job-name"))
        .collect(Collectors.groupingBy(OperatorChaosIT::part, TreeMap::new, Collectors.counting()));
  }

  private static String part(Pod pod) {
    var labels = pod.getMetadata().getLabels();
    var turn =
        pod.getSpec().getContainers().getFirst().getEnv().stream()
            .filter(variable -> variable.getName().equals("TURN"))
            .map(variable -> " turn " + variable.getValue())
            .findFirst()
            .orElse("");
    return labels.get(Labels.CLUSTER) + " " + labels.getOrDefault(Labels.GROUP, "head") + turn;
  }

  private Map<String, Long> wantedPods() {
    var wanted = new TreeMap<String, Long>();
    clusters.forEach(
        (name, shape) -> {
          if (shape.replicas() > 0) {
            wanted.put(name + " head", 1L);
            for (int i = 0; i < shape.groups().size(); i++) {
              wanted.put(
                  "%s %s turn %d".formatted(name, Shape.group(i), shape.argument()),
                  (long) shape.groups().get(i));
            }
          }
        });
    return wanted;
  }

  /** What the head's Deployment was built from, and what the status speaks of. */
  private Map<String, String> generations() {
    var generations = new HashMap<String, String>();
    for (var head : client.apps().deployments().inNamespace(NAMESPACE).list().getItems()) {
      var metadata = head.getMetadata();
      generations.put(
          metadata.getLabels().get(Labels.CLUSTER),
          metadata.getAnnotations().get(Labels.GENERATION));
    }
    all()
        .forEach(
            cluster ->
                generations.merge(
                    cluster.getMetadata().getName(),
                    String.valueOf(
                        cluster.getStatus() == null
                            ? null
                            : cluster.getStatus().getObservedGeneration()),
                    (one, other) -> one + " " + other));
    return generations;
  }

  private Map<String, String> wantedGenerations() {
    return all().stream()
        .collect(
            Collectors.toMap(
                cluster -> cluster.getMetadata().getName(),
                cluster -> "%1$d %1$d".formatted(cluster.getMetadata().getGeneration())));
  }

  private List<InferenceCluster> all() {
    return client.resources(InferenceCluster.class).inNamespace(NAMESPACE).list().getItems();
  }

  /** Each look at a cluster reads the Secret of its certificates. */
  private Map<String, Long> looks(int from) {
    var requests = audit.requests();
    return requests.subList(from, requests.size()).stream()
        .filter(request -> request.isOf("secrets") && request.name().endsWith("-tls"))
        .collect(
            Collectors.groupingBy(
                request -> request.name().replaceFirst("-tls$", ""), Collectors.counting()));
  }

  private boolean lookedAtAll(int from) {
    var looks = looks(from);
    return clusters.entrySet().stream()
        .allMatch(
            entry ->
                looks.getOrDefault(entry.getKey(), 0L)
                    >= (entry.getValue().replicas() == 0 ? 1 : 3));
  }

  private Instant firstLook(int from) {
    var requests = audit.requests();
    return requests.subList(from, requests.size()).stream()
        .filter(request -> request.isOf("secrets"))
        .map(Request::at)
        .min(Instant::compareTo)
        .orElseThrow();
  }
}
