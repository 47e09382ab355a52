// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.kube;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/**
 * A real cluster of one node on this machine, with Knarr installed and the example cluster applied:
 * what scripts/cluster/demo.sh makes. Any thread; one at a time on a machine.
 */
public final class OneNodeCluster implements AutoCloseable {
  private static final Duration UP_LIMIT = Duration.ofMinutes(35);
  private static final Duration COMMAND_LIMIT = Duration.ofMinutes(5);

  private final Path root;
  private final String answer;
  private final KubernetesClient client;

  private OneNodeCluster(Path root, String answer) {
    this.root = root;
    this.answer = answer;
    try {
      this.client =
          new KubernetesClientBuilder()
              .withConfig(Config.fromKubeconfig(Files.readString(kubeconfigFile())))
              .build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Runs demo.sh. Where that is impossible the calling test is aborted with a sentence that says
   * what was not run, and with {@code KNARR_CI=1} it fails.
   *
   * @param root the folder of this project
   */
  public static OneNodeCluster up(Path root) {
    requireRootAndGo();
    var script = root.resolve("scripts/cluster/demo.sh").toString();
    return new OneNodeCluster(root, run(root, UP_LIMIT, List.of(script, "up")));
  }

  private static void requireRootAndGo() {
    boolean isRoot = "root".equals(System.getProperty("user.name"));
    boolean hasPrograms = Files.isExecutable(KubePrograms.directory().resolve("bin/kubelet"));
    boolean hasGo =
        List.of(System.getenv("PATH").split(":", -1)).stream()
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, "go")));
    if (isRoot && (hasPrograms || hasGo)) {
      return;
    }
    var sentence =
        "Not run: tests on a real cluster of one node, which needs root, and Go to build Kubernetes with. Run them as root on a machine with Go.";
    if ("1".equals(System.getenv("KNARR_CI"))) {
      throw new IllegalStateException(sentence);
    }
    Assumptions.abort(sentence);
  }

  /** What the model answered to the question of demo.sh, as JSON. */
  public String answer() {
    return answer;
  }

  /** A client with all rights. */
  public KubernetesClient client() {
    return client;
  }

  /** What clients need to connect with all rights. */
  public Path kubeconfigFile() {
    return KubePrograms.directory().resolve("node/admin.kubeconfig");
  }

  /** One JSON event per line for each request, of level Metadata. */
  public Path auditLog() {
    return KubePrograms.directory().resolve("node/logs/audit.log");
  }

  /** Runs kubectl, and returns what it prints; fails with what it says when it does. */
  public String kubectl(String... arguments) {
    return tool("kubectl", arguments);
  }

  /** Runs helm, and returns what it prints; fails with what it says when it does. */
  public String helm(String... arguments) {
    return tool("helm", arguments);
  }

  private String tool(String name, String... arguments) {
    var command = new ArrayList<>(List.of(KubePrograms.program(name).toString()));
    command.addAll(List.of(arguments));
    return run(root, COMMAND_LIMIT, command);
  }

  private static String run(Path root, Duration limit, List<String> command) {
    Path out = null;
    Path err = null;
    try {
      out = Files.createTempFile("knarr-out", ".txt");
      err = Files.createTempFile("knarr-err", ".txt");
      var builder = new ProcessBuilder(command).directory(root.toFile());
      var kubeconfig = KubePrograms.directory().resolve("node/admin.kubeconfig");
      builder.environment().put("KUBECONFIG", kubeconfig.toString());
      var process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        process.destroy();
        throw new IllegalStateException(
            "%s took over %s and printed %s".formatted(command, limit, Files.readString(err)));
      }
      if (process.exitValue() != 0) {
        throw new IllegalStateException(
            "%s ended with %d and printed %s %s"
                .formatted(
                    command, process.exitValue(), Files.readString(err), Files.readString(out)));
      }
      System.err.print(Files.readString(err));
      return Files.readString(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while running %s".formatted(command), e);
    } finally {
      delete(out);
      delete(err);
    }
  }

  private static void delete(@Nullable Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the cluster and all in it; programs and images stay. */
  @Override
  public void close() {
    client.close();
    run(root, COMMAND_LIMIT, List.of(root.resolve("scripts/cluster/demo.sh").toString(), "down"));
  }
}
