// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Scene;
import dev.knarr.operator.observe.Observation;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What is written where a spec changes between a look at it and the status of that look. */
class StatusReporterIT {
  private static final String NAMESPACE = "status-reporter";
  private static final Duration LIMIT = Duration.ofSeconds(30);

  /** Changes the spec once, after it has looked. */
  @ControllerConfiguration(name = "disturbed")
  private record Disturbed(Resource<InferenceCluster> cluster, Events events, AtomicBoolean done)
      implements Reconciler<InferenceCluster> {
    @Override
    public UpdateControl<InferenceCluster> reconcile(
        InferenceCluster seen, Context<InferenceCluster> context) {
      if (!done.getAndSet(true)) {
        cluster.edit(
            known -> {
              known.getSpec().setReplicas(0);
              return known;
            });
      }
      return new StatusReporter(events)
          .report(
              seen,
              Pass.applied(Optional.empty(), Optional.empty()),
              Observation.empty(Instant.now()),
              context.resourceOperations());
    }
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
  void whenTheSpecChangesBeforeItsStatusIsWritten_thenTheStatusIsOfTheLaterOne()
      throws IOException {
    try (var server = ApiServer.with().start()) {
      var client = server.client();
      install(server);
      var cluster = client.resources(InferenceCluster.class).inNamespace(NAMESPACE).withName("glm");
      var mixed = new CopyOnWriteArrayList<String>();
      var told = new CopyOnWriteArrayList<Occurrence>();
      var operator =
          new Operator(
              configuration ->
                  configuration
                      .withKubernetesClient(client)
                      .withCloseClientOnStop(false)
                      // The usual one ends the process, which is the tests' own here.
                      .withInformerStoppedHandler((_, _) -> {}));
      operator.register(
          new Disturbed(cluster, (_, occurrence) -> told.add(occurrence), new AtomicBoolean()));
      operator.start();
      try (var _ = cluster.watch(new Mixed(mixed))) {
        create(client);
        await("the later spec is seen").atMost(LIMIT).until(() -> observed(cluster) == 2);
      } finally {
        operator.stop();
      }
      assertThat(mixed).isEmpty();
      assertThat(told).doesNotHaveDuplicates();
    }
  }

  private static void install(ApiServer server) throws IOException {
    var client = server.client();
    try (var definition =
        Files.newInputStream(Path.of("..", "crds", "inferenceclusters.knarr.dev.yaml"))) {
      client.load(definition).serverSideApply();
    }
    server.awaitKind("inferenceclusters.knarr.dev");
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .create();
  }

  private static void create(KubernetesClient client) {
    var cluster = Scene.empty().cluster;
    cluster.getMetadata().setNamespace(NAMESPACE);
    cluster.getMetadata().setUid(null);
    cluster.getMetadata().setGeneration(null);
    client.resource(cluster).create();
  }

  private static long observed(Resource<InferenceCluster> cluster) {
    return Optional.ofNullable(cluster.get().getStatus())
        .map(status -> status.getObservedGeneration())
        .orElse(0L);
  }
}
