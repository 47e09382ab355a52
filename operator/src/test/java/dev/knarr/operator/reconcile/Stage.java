// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.operator.Scene;
import dev.knarr.operator.dependent.SetUp;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.javaoperatorsdk.operator.Operator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A real API server with real controllers, a real scheduler and the operator. No kubelet runs: what
 * one would say of a pod, {@link PlayedCluster} says by hand. Any thread.
 */
final class Stage implements AutoCloseable {
  /** A node with room, and no GPU. */
  private static final String ROOMY = "roomy";

  /** One that only pods come to which tolerate that it is going to be lost. */
  static final String DOOMED = "doomed";

  private final ApiServer server =
      ApiServer.with()
          .workloads()
          .controllers("resourcequota-controller", "persistentvolume-binder-controller")
          .scheduler()
          .start();
  private final Operator operator;

  /** Addresses of pods, of which any on loopback may be taken: another test has others. */
  private final String network =
      "127.%d.%d."
          .formatted(
              ThreadLocalRandom.current().nextInt(1, 255),
              ThreadLocalRandom.current().nextInt(0, 255));

  private final AtomicInteger addresses = new AtomicInteger();

  Stage() {
    var client = server.client();
    try (var definition =
        Files.newInputStream(Path.of("..", "crds", "inferenceclusters.knarr.dev.yaml"))) {
      client.load(definition).serverSideApply();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.awaitKind("inferenceclusters.knarr.dev");
    makeNode(ROOMY, List.of());
    makeNode(DOOMED, List.of(new Taint("NoSchedule", DOOMED, null, "")));
    // As the operator's own configuration has it.
    var operators =
        new KubernetesClientBuilder()
            .withConfig(
                new ConfigBuilder(client.getConfiguration())
                    .withRequestRetryBackoffLimit(3)
                    .build())
            .build();
    operator =
        new Operator(
            configuration ->
                configuration
                    .withKubernetesClient(operators)
                    .withCloseClientOnStop(true)
                    // The usual one ends the process, which is the tests' own here.
                    .withInformerStoppedHandler((_, _) -> {}));
    operator.register(new InferenceClusterReconciler(new SetUp(), operators, "1.0.0", "stage"));
    operator.start();
  }

  KubernetesClient client() {
    return server.client();
  }

  String kubectl(String... words) {
    return server.kubectl(words);
  }

  /** An address that no other pod has. */
  String nextAddress() {
    return network + addresses.incrementAndGet();
  }

  /** A node without a kubelet, as far as the scheduler looks at it. */
  private void makeNode(String name, List<Taint> taints) {
    client()
        .resource(
            Scene.yaml(
                Node.class,
                "{ apiVersion: v1, kind: Node, metadata: { name: %1$s, labels: { name: %1$s, kubernetes.io/hostname: %1$s } } }"
                    .formatted(name)))
        .create();
    // A new node is tainted until its kubelet says that it is ready.
    client()
        .nodes()
        .withName(name)
        .edit(
            known -> {
              known.getSpec().setTaints(taints);
              return known;
            });
    sayOfNode(
        name, "{ type: Ready, status: \"True\", lastTransitionTime: \"2026-11-22T10:00:00Z\" }");
  }

  void sayOfNode(String name, String condition) {
    client()
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

  @Override
  public void close() {
    operator.stop();
    server.close();
  }
}
