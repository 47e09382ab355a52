// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Tensor caches on claims, and how long these live. */
@Tag(RealCluster.LONG)
@ExtendWith(RealCluster.class)
class ClaimsE2E {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final String FIRST = "tensor-cache-kept-cpu-0";
  private static final String SECOND = "tensor-cache-kept-cpu-1";

  @TempDir private Path volumes;
  private Kubernetes kubernetes;
  private ServedModel model;

  @BeforeEach
  void serve(Kubernetes running) throws IOException {
    kubernetes = running;
    kubernetes.requireThisMachine("volumes for tensor caches");
    Files.setPosixFilePermissions(volumes, PosixFilePermissions.fromString("rwxr-xr-x"));
    for (var name : List.of("kept-0", "kept-1")) {
      var folder = Files.createDirectory(volumes.resolve(name));
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
      kubernetes
          .client()
          .resource(
              """
              apiVersion: v1
              kind: PersistentVolume
              metadata: {name: %s}
              spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: e2e,
                     persistentVolumeReclaimPolicy: Retain, hostPath: {path: %s}}
              """
                  .formatted(name, folder))
          .create();
    }
    model =
        ServedModel.apply(
            kubernetes,
            "kept",
            "workers: [{name: cpu, replicas: 2, backend: cpu, tensorCache: {size: 1Gi, claim: {storageClassName: e2e}}}]");
  }

  @AfterEach
  void remove() {
    if (model != null) {
      model.delete();
    }
    KubernetesClient client = kubernetes.client();
    for (var name : List.of(FIRST, SECOND)) {
      client.persistentVolumeClaims().inNamespace("default").withName(name).delete();
    }
    for (var name : List.of("kept-0", "kept-1")) {
      client.persistentVolumes().withName(name).delete();
    }
  }

  private List<String> claims() {
    return kubernetes
        .client()
        .persistentVolumeClaims()
        .inNamespace("default")
        .withLabel("knarr.dev/cluster", "kept")
        .list()
        .getItems()
        .stream()
        .filter(claim -> !claim.isMarkedForDeletion())
        .map(HasMetadata::getMetadata)
        .map(metadata -> metadata.getName())
        .toList();
  }

  @Test
  void whenAClusterIsStoppedOrDeleted_thenItsCachesStay_andThatOfAWorkerLessGoes() {
    model.awaitReady();
    assertThat(claims()).containsExactlyInAnyOrder(FIRST, SECOND);

    kubernetes.kubectl("scale", "inferencecluster/kept", "--replicas=0");
    await("all pods to be gone").atMost(LIMIT).until(() -> model.pods().isEmpty());
    assertThat(claims()).as("of a stopped cluster").containsExactlyInAnyOrder(FIRST, SECOND);

    kubernetes.kubectl("scale", "inferencecluster/kept", "--replicas=1");
    model.awaitReady();
    model.change(
        "{\"workers\": [{\"name\": \"cpu\", \"replicas\": 1, \"backend\": \"cpu\", \"tensorCache\": {\"size\": \"1Gi\", \"claim\": {\"storageClassName\": \"e2e\"}}}]}");
    model.awaitReady();
    await("the cache of the worker that is gone")
        .atMost(LIMIT)
        .until(() -> claims().equals(List.of(FIRST)));

    model.delete();
    await("all but the claim to be gone")
        .atMost(LIMIT)
        .until(() -> kubernetes.objectsOf("kept").equals("persistentvolumeclaim/" + FIRST));
  }
}
