// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import dev.knarr.testkit.kube.KubePrograms;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The built operator as a process of its own, with the JVM's flags of its image. It ends with
 * {@link #close()}, with this JVM, and with the thread that started it. One thread.
 */
final class OperatorProcess implements AutoCloseable {
  private static final Path APPLICATION = Path.of("target/quarkus-app/quarkus-run.jar");
  private static final Path FLAGS = Path.of("../scripts/jvm-flags.sh");
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Pattern ADDRESS = Pattern.compile("Listening on: (http://\\S+)");

  private final Path log;
  private final Instant started = Instant.now();
  private final Process process;
  private final Thread hook;

  private OperatorProcess(Path log, ProcessBuilder builder) throws IOException {
    this.log = log;
    this.process = builder.start();
    this.hook = Thread.ofPlatform().unstarted(process::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Starts it; it is not up yet when this returns.
   *
   * @param account whose rights it has
   * @param pod the name of the pod that it takes itself to be in: its identity for the lease
   * @param folder where its log is written
   * @param environment what a chart would set, beside images and the lease's namespace
   */
  static OperatorProcess start(
      OperatorAccount account, String pod, Path folder, Map<String, String> environment) {
    var command = new ArrayList<>(KubePrograms.tie());
    command.addAll(
        List.of(
            "sh",
            "-c",
            ". \"$1\" && jvm_flags operator && exec \"$2\" $flags $heap -jar \"$3\"",
            "sh",
            FLAGS.toAbsolutePath().toString(),
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            APPLICATION.toAbsolutePath().toString()));
    try {
      var log = Files.createTempFile(folder, pod, ".log");
      var builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
      var variables = builder.environment();
      variables.put("KUBECONFIG", account.kubeconfig().toString());
      variables.put("HOSTNAME", pod);
      variables.put("KNARR_OPERATOR_NAMESPACE", OperatorAccount.NAMESPACE);
      variables.put("KNARR_OPERATOR_IMAGES_HEAD", "registry.example/knarr/head:1");
      variables.put("KNARR_OPERATOR_IMAGES_SERVER", "registry.example/knarr/server:1");
      variables.put("KNARR_OPERATOR_IMAGES_WORKER_CPU", "registry.example/knarr/worker-cpu:1");
      variables.put("QUARKUS_HTTP_HOST", "127.0.0.1");
      variables.put("QUARKUS_HTTP_PORT", "0");
      // Says at which port.
      variables.put("QUARKUS_LOG_CATEGORY__IO_QUARKUS__LEVEL", "INFO");
      variables.putAll(environment);
      return new OperatorProcess(log, builder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** When it was started. */
  Instant started() {
    return started;
  }

  /** Whether it says that it is ready, as Kubernetes would ask. */
  boolean ready() {
    return isUp("/q/health/ready");
  }

  /** Whether it says that it is alive, as Kubernetes would ask. */
  boolean live() {
    return isUp("/q/health/live");
  }

  private boolean isUp(String path) {
    if (!process.isAlive()) {
      throw new IllegalStateException("The operator has ended: " + log());
    }
    return address().map(address -> status(address + path) == 200).orElse(false);
  }

  private Optional<String> address() {
    var found = ADDRESS.matcher(log());
    return found.find() ? Optional.of(found.group(1)) : Optional.empty();
  }

  private static int status(String address) {
    try (var http = HttpClient.newHttpClient()) {
      var request = HttpRequest.newBuilder(URI.create(address)).timeout(LIMIT).build();
      return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
    } catch (IOException e) {
      return 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while asking " + address, e);
    }
  }

  /** What it has written. */
  String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits until it ends by itself, and says with what. */
  int exitCode() {
    try {
      if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new IllegalStateException("The operator does not end: " + log());
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while the operator ended", e);
    }
  }

  /** Its memory in MiB: {@code VmRSS} now, or {@code VmHWM}, the most that it ever was. */
  long mebibytes(String field) {
    try (var lines = Files.lines(Path.of("/proc/" + process.pid() + "/status"))) {
      return lines
          .filter(line -> line.startsWith(field + ":"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) >> 10)
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Tells it to end, as Kubernetes does, and waits for that. */
  void stop() {
    process.destroy();
    awaitEnd();
  }

  /** Ends it without a word, and waits for that. */
  @Override
  public void close() {
    process.destroyForcibly();
    awaitEnd();
  }

  private void awaitEnd() {
    try {
      if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new IllegalStateException("The operator does not end: " + log());
      }
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while the operator ended", e);
    } catch (IllegalStateException e) {
      if (process.isAlive()) {
        throw e;
      }
      // This JVM is ending already: the hook does the same.
    }
  }
}
