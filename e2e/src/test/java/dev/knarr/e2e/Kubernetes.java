// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import dev.knarr.testkit.kube.KubePrograms;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.LocalPortForward;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/**
 * A real cluster with Knarr installed and the example cluster applied, by scripts/cluster/demo.sh:
 * of one node on this machine, or the one of {@code KNARR_E2E_KUBECONFIG}. What the script has
 * started ends with {@link #close()}, and with the JVM. Any thread.
 */
final class Kubernetes implements AutoCloseable {
  /** The folder of this project. */
  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private static final String DEMO = ROOT.resolve("scripts/cluster/demo.sh").toString();
  private static final Duration UP_LIMIT = Duration.ofMinutes(35);
  private static final Duration COMMAND_LIMIT = Duration.ofMinutes(5);

  private static final int MANAGEMENT_PORT = 9052;

  private final Path kubeconfig;
  private final Optional<String> imagePrefix;
  private final AtomicBoolean ours;
  private final Thread hook = Thread.ofPlatform().unstarted(this::end);
  private final String answer;
  private final KubernetesClient client;

  private Kubernetes(Path kubeconfig, Optional<String> imagePrefix, boolean ours) {
    this.kubeconfig = kubeconfig;
    this.imagePrefix = imagePrefix;
    this.ours = new AtomicBoolean(ours);
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      answer =
          imagePrefix
              .map(prefix -> run(UP_LIMIT, List.of(DEMO, "install", prefix)))
              .orElseGet(() -> run(UP_LIMIT, List.of(DEMO, "up", "--built")));
      client =
          new KubernetesClientBuilder()
              .withConfig(Config.fromKubeconfig(Files.readString(kubeconfig)))
              .build();
    } catch (IOException e) {
      end();
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      end();
      throw e;
    }
  }

  /**
   * Brings it up. Where that is impossible the calling test is aborted with a sentence that says
   * what was not run, and with {@code KNARR_CI=1} it fails.
   */
  static Kubernetes up() {
    var given = System.getenv("KNARR_E2E_KUBECONFIG");
    if (given != null) {
      var prefix = System.getenv("KNARR_E2E_IMAGE_PREFIX");
      if (prefix == null) {
        throw new IllegalStateException(
            "KNARR_E2E_KUBECONFIG names a cluster, but KNARR_E2E_IMAGE_PREFIX does not say where it finds our images: set it to what images/build.sh --push was given as --prefix.");
      }
      return new Kubernetes(Path.of(given).toAbsolutePath(), Optional.of(prefix), true);
    }
    requireRootAndGo();
    var node = KubePrograms.directory().resolve("node");
    // Somebody's cluster that runs already is used, and goes on.
    boolean ours = !Files.exists(node.resolve("up"));
    return new Kubernetes(node.resolve("admin.kubeconfig"), Optional.empty(), ours);
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
        "Not run: tests on a real cluster of one node, which needs root, and Go to build Kubernetes with. Run them as root on a machine with Go, or set KNARR_E2E_KUBECONFIG.";
    if ("1".equals(System.getenv("KNARR_CI"))) {
      throw new IllegalStateException(sentence);
    }
    Assumptions.abort(sentence);
  }

  /** Aborts the calling test where processes and packets of the nodes are out of reach. */
  void requireThisMachine(String what) {
    Assumptions.assumeTrue(
        imagePrefix.isEmpty(),
        "Not run: %s, which takes a node that is this machine.".formatted(what));
  }

  /** What the model answered to the question of demo.sh, as JSON. */
  String answer() {
    return answer;
  }

  /** A client with all rights. */
  KubernetesClient client() {
    return client;
  }

  /** Runs kubectl in namespace default, and returns what it prints; fails when it does. */
  String kubectl(String... arguments) {
    var words = new ArrayList<>(List.of(program("kubectl"), "--namespace=default"));
    words.addAll(List.of(arguments));
    return run(COMMAND_LIMIT, words);
  }

  /** What belongs to an InferenceCluster, as {@code kubectl get -o name} has it. */
  String objectsOf(String cluster) {
    return kubectl(
            "get",
            "all,configmaps,secrets,networkpolicies,poddisruptionbudgets,persistentvolumeclaims",
            "-l",
            "knarr.dev/cluster=" + cluster,
            "-o",
            "name")
        .strip();
  }

  /** Gives the operator another set of values, on top of what it has, and waits until it runs. */
  void upgradeOperator(String... settings) {
    var chart = ROOT.resolve("helm/knarr").toString();
    var words = new ArrayList<>(List.of(program("helm"), "upgrade", "knarr", chart));
    words.addAll(List.of("--namespace", "knarr-system", "--reuse-values", "--wait"));
    for (var setting : settings) {
      words.addAll(List.of("--set-string", setting));
    }
    run(COMMAND_LIMIT, words);
  }

  /** Gives the operator the set of values that it had before. */
  void rollBackOperator() {
    run(
        COMMAND_LIMIT,
        List.of(program("helm"), "rollback", "knarr", "--namespace", "knarr-system", "--wait"));
  }

  /** An entry of a Secret of namespace default, as text. */
  String secret(String name, String key) {
    var data = client.secrets().inNamespace("default").withName(name).get().getData();
    return new String(Base64.getDecoder().decode(data.get(key)), StandardCharsets.US_ASCII);
  }

  private static String program(String name) {
    var ours = KubePrograms.directory().resolve("bin").resolve(name);
    return Files.isExecutable(ours) ? ours.toString() : name;
  }

  /**
   * A way to a port of a pod or Service.
   *
   * @param forward what has to be closed afterwards
   */
  record Way(String host, int port, Optional<LocalPortForward> forward) implements AutoCloseable {
    private static Way through(LocalPortForward forward) {
      return new Way("localhost", forward.getLocalPort(), Optional.of(forward));
    }

    @Override
    public String toString() {
      return host + ":" + port;
    }

    @Override
    public void close() throws IOException {
      if (forward.isPresent()) {
        forward.get().close();
      }
    }
  }

  /** The way to a Service of namespace default: by its address where that is known here. */
  Way toService(String name) {
    var service = client.services().inNamespace("default").withName(name);
    int port = service.get().getSpec().getPorts().getFirst().getPort();
    return imagePrefix.isPresent()
        ? Way.through(service.portForward(port))
        : new Way(service.get().getSpec().getClusterIP(), port, Optional.empty());
  }

  /** The way to a port of a pod of namespace default. */
  Way toPod(String name, int port) {
    var pod = client.pods().inNamespace("default").withName(name);
    return imagePrefix.isPresent()
        ? Way.through(pod.portForward(port))
        : new Way(pod.get().getStatus().getPodIP(), port, Optional.empty());
  }

  /** What a pod of head or worker has for Prometheus. */
  String metrics(String pod) throws IOException, InterruptedException {
    try (var way = toPod(pod, MANAGEMENT_PORT);
        var http = HttpClient.newHttpClient()) {
      var request = HttpRequest.newBuilder(URI.create("http://" + way + "/metrics")).build();
      return http.send(request, BodyHandlers.ofString()).body();
    }
  }

  private String run(Duration limit, List<String> command) {
    Path out = null;
    Path err = null;
    try {
      out = Files.createTempFile("knarr-out", ".txt");
      err = Files.createTempFile("knarr-err", ".txt");
      var builder = new ProcessBuilder(command).directory(ROOT.toFile());
      builder.environment().put("KUBECONFIG", kubeconfig.toString());
      var process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        process.descendants().forEach(ProcessHandle::destroy);
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

  @Override
  public void close() {
    client.close();
    end();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // The JVM is ending already: the hook does nothing any more.
    }
  }

  private void end() {
    if (ours.getAndSet(false)) {
      run(COMMAND_LIMIT, List.of(DEMO, imagePrefix.isPresent() ? "uninstall" : "down"));
    }
  }
}
