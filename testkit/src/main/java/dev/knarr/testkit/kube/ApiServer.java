// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.kube;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.CustomResourceDefinitionContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A real Kubernetes API server with its etcd, on ports of its own. Nothing runs behind it: no
 * kubelet, and scheduler and controllers only on request. Its processes end with {@link #close()},
 * with the JVM, and when the JVM is killed. Any thread.
 */
public final class ApiServer implements AutoCloseable {
  private static final long START_LIMIT_MILLIS = 180_000;
  private static final long SHORTEST_START_MILLIS = 60_000;
  private static final long STOP_LIMIT_SECONDS = 30;
  private static final int KIND_LIMIT_SECONDS = 60;
  private static final String AUDIT_POLICY =
      """
      apiVersion: audit.k8s.io/v1
      kind: Policy
      omitStages: [RequestReceived]
      rules: [{ level: Metadata }]
      """;

  private static @Nullable ApiServer shared;

  private final Path home;
  private final Builder options;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final CompletableFuture<String> started = new CompletableFuture<>();
  private final Thread owner;
  private final Thread hook = Thread.ofPlatform().unstarted(this::stop);
  private final String kubeconfig;
  private final KubernetesClient client;

  private ApiServer(Builder options) {
    this.options = options;
    var programs = KubePrograms.apiServerPrograms();
    try {
      home = Files.createTempDirectory("knarr-apiserver");
      // kube-api-test keeps keys beside its programs for a year and never renews them, and starts
      // the programs as they are; a folder of our own gives each server its own keys and lets its
      // processes be tied to this JVM.
      var folder = home.resolve("k8s").resolve(programs.getFileName().toString());
      Files.createDirectories(folder);
      for (var name : List.of("etcd", "kube-apiserver", "kubectl")) {
        KubePrograms.tied(programs.resolve(name).toRealPath(), folder.resolve(name));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Runtime.getRuntime().addShutdownHook(hook);
    // The kernel ends tied processes with the thread that started them, so that one must stay.
    owner = Thread.ofPlatform().name("api-server").daemon().start(this::own);
    try {
      kubeconfig = started.join();
    } catch (CompletionException e) {
      end();
      throw e;
    }
    client = new KubernetesClientBuilder().withConfig(Config.fromKubeconfig(kubeconfig)).build();
  }

  /**
   * The server that all tests of this JVM share; it is started when first asked for and ends with
   * the JVM. Tests use namespaces of their own; those that need more start one with {@link #with}.
   */
  public static synchronized ApiServer shared() {
    if (shared == null) {
      shared = with().start();
    }
    return shared;
  }

  /** Options of a server of one's own. */
  public static Builder with() {
    return new Builder();
  }

  /** A client with all rights. */
  public KubernetesClient client() {
    return client;
  }

  /** What a client needs to connect with all rights, as YAML. */
  public String kubeconfig() {
    return kubeconfig;
  }

  /** {@link #kubeconfig()} as a file, for kubectl; it goes with the server. */
  public Path kubeconfigFile() {
    return home.resolve("kubeconfig");
  }

  /**
   * Runs kubectl with all rights and returns what it says.
   *
   * @throws IllegalStateException when it fails, with what it says
   */
  public String kubectl(String... arguments) {
    var command = new ArrayList<>(List.of(KubePrograms.program("kubectl").toString()));
    command.add("--kubeconfig=" + kubeconfigFile());
    command.add("--cache-dir=" + home.resolve("kubectl"));
    command.addAll(List.of(arguments));
    try {
      var process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IllegalStateException("%s failed: %s".formatted(command, output));
      }
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while %s ran".formatted(command), e);
    }
  }

  /**
   * Waits until the kind of a definition that was just applied is served, which takes it a moment.
   *
   * @param definition its name, as {@code PLURAL.GROUP}
   */
  public void awaitKind(String definition) {
    var known =
        client
            .apiextensions()
            .v1()
            .customResourceDefinitions()
            .withName(definition)
            .waitUntilCondition(ApiServer::isEstablished, KIND_LIMIT_SECONDS, TimeUnit.SECONDS);
    var kind = client.genericKubernetesResources(CustomResourceDefinitionContext.fromCrd(known));
    for (int i = 0; ; i++) {
      try {
        kind.inAnyNamespace().list();
        return;
      } catch (KubernetesClientException e) {
        if (e.getCode() != HttpURLConnection.HTTP_NOT_FOUND || i == KIND_LIMIT_SECONDS) {
          throw e;
        }
        LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
      }
    }
  }

  private static boolean isEstablished(@Nullable CustomResourceDefinition definition) {
    return definition != null
        && definition.getStatus() != null
        && definition.getStatus().getConditions() != null
        && definition.getStatus().getConditions().stream()
            .anyMatch(
                condition ->
                    condition.getType().equals("Established")
                        && condition.getStatus().equals("True"));
  }

  /** A client that acts as this user, such as {@code system:serviceaccount:NAMESPACE:NAME}. */
  public KubernetesClient clientAs(String user, String... groups) {
    var config = Config.fromKubeconfig(kubeconfig);
    config.setImpersonateUsername(user);
    config.setImpersonateGroups(groups);
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /**
   * One JSON event per line for each request, of level Metadata (verb, user, resource). Requests
   * are there when they have been answered.
   *
   * @throws IllegalStateException when the server was started without
   */
  public Path auditLog() {
    if (!options.audit) {
      throw new IllegalStateException("This server keeps no audit log: start it with audit()");
    }
    return home.resolve("audit.log");
  }

  private void own() {
    var beside = new ArrayList<Process>();
    KubeAPIServer server = null;
    try {
      var builder =
          KubeAPIServerConfigBuilder.anAPIServerConfig()
              .withTestDir(home.toString())
              .withOfflineMode(true)
              .withStartupTimeout(startLimitMillis())
              .withApiServerFlags(options.flags);
      if (options.audit) {
        var policy = Files.writeString(home.resolve("audit-policy.yaml"), AUDIT_POLICY);
        builder.withApiServerFlag("--audit-policy-file", policy.toString());
        builder.withApiServerFlag("--audit-log-path", home.resolve("audit.log").toString());
        // Else it would begin anew after 100 MB.
        builder.withApiServerFlag("--audit-log-maxsize", "10000");
      }
      server = new KubeAPIServer(builder.build());
      server.start();
      Files.writeString(kubeconfigFile(), server.getKubeConfigYaml());
      if (!options.controllers.isEmpty()) {
        beside.add(
            start(
                "kube-controller-manager",
                "--controllers=" + String.join(",", options.controllers)));
      }
      if (options.scheduler) {
        beside.add(start("kube-scheduler"));
      }
      started.complete(server.getKubeConfigYaml());
      closing.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | RuntimeException | Error e) {
      started.completeExceptionally(e);
    } finally {
      beside.forEach(Process::destroyForcibly);
      if (server != null) {
        server.stop();
      }
    }
  }

  /**
   * kube-api-test 7.6.1 compares times of day: with a limit that reaches past midnight it gives up
   * at its first look. So the limit ends before midnight, and a start shortly before waits for it.
   */
  private int startLimitMillis() throws InterruptedException {
    var untilMidnight = Duration.between(LocalTime.now(ZoneId.systemDefault()), LocalTime.MAX);
    if (untilMidnight.toMillis() < SHORTEST_START_MILLIS) {
      closing.await(untilMidnight.toMillis() + 1, TimeUnit.MILLISECONDS);
      return startLimitMillis();
    }
    return (int) Math.min(START_LIMIT_MILLIS, untilMidnight.toMillis());
  }

  private Process start(String program, String... options) throws IOException {
    var command = new ArrayList<>(KubePrograms.tie());
    command.add(KubePrograms.program(program).toString());
    command.add("--kubeconfig=" + kubeconfigFile());
    command.add("--leader-elect=false");
    command.add("--secure-port=0");
    command.addAll(List.of(options));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(home.resolve(program + ".log").toFile())
        .start();
  }

  private void stop() {
    closing.countDown();
    try {
      owner.join(TimeUnit.SECONDS.toMillis(STOP_LIMIT_SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    delete(home);
  }

  private static void delete(Path folder) {
    try (var files = Files.walk(folder)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the server; not for the shared one, which ends by itself. */
  @Override
  public void close() {
    client.close();
    end();
  }

  private void end() {
    stop();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // The JVM is ending already: the hook does the same.
    }
  }

  /** Options of a server. One thread. */
  public static final class Builder {
    private final List<String> flags = new ArrayList<>();
    private final List<String> controllers = new ArrayList<>();
    private boolean audit;
    private boolean scheduler;

    private Builder() {}

    /** Writes each request to {@link ApiServer#auditLog()}. */
    public Builder audit() {
      audit = true;
      return this;
    }

    /** Runs controllers of kube-controller-manager, such as {@code statefulset-controller}. */
    public Builder controllers(String... names) {
      controllers.addAll(List.of(names));
      return this;
    }

    /** Makes pods of Deployments, StatefulSets and Jobs; no kubelet runs them. */
    public Builder workloads() {
      return controllers(
          "deployment-controller",
          "replicaset-controller",
          "statefulset-controller",
          "job-controller");
    }

    /** Runs kube-scheduler. */
    public Builder scheduler() {
      scheduler = true;
      return this;
    }

    /** Collects dependents of what is deleted, and finishes the deletion of namespaces. */
    public Builder garbageCollection() {
      return controllers("garbage-collector-controller", "namespace-controller");
    }

    /** A flag of kube-apiserver, such as {@code --feature-gates=ImageVolume=false}. */
    public Builder flag(String flag) {
      flags.add(flag);
      return this;
    }

    /** Starts the server, which takes about 6 seconds, and waits until it answers. */
    public ApiServer start() {
      return new ApiServer(this);
    }
  }
}
