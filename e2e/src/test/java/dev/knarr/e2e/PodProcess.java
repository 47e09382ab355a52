// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The processes of a pod, as the node that this test runs on sees them. */
record PodProcess(List<Long> ids) {
  /** The Java processes of a pod. */
  static PodProcess of(KubernetesClient client, String pod) {
    var uid = client.pods().inNamespace("default").withName(pod).get().getMetadata().getUid();
    var ids =
        ProcessHandle.allProcesses()
            .filter(process -> process.info().command().orElse("").endsWith("/java"))
            .map(ProcessHandle::pid)
            .filter(id -> cgroup(id).contains(uid))
            .toList();
    assertThat(ids).as("processes of pod %s", pod).isNotEmpty();
    return new PodProcess(ids);
  }

  private static String cgroup(long id) {
    try {
      return Files.readString(Path.of("/proc", String.valueOf(id), "cgroup"));
    } catch (IOException _) {
      return ""; // It has ended meanwhile.
    }
  }

  /** Lets them run no further. */
  void freeze() {
    signal("-STOP");
  }

  /** Lets them run on. */
  void thaw() {
    signal("-CONT");
  }

  private void signal(String name) {
    for (long id : ids) {
      try {
        assertThat(new ProcessBuilder("kill", name, String.valueOf(id)).start().waitFor()).isZero();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
