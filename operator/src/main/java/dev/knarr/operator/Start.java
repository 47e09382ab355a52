// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.NamespacedKubernetesClient;
import io.fabric8.kubernetes.client.RequestConfig;
import io.fabric8.kubernetes.client.RequestConfigBuilder;
import io.javaoperatorsdk.operator.Operator;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts the work on a thread of its own as soon as the API server answers: until then the process
 * is alive and not ready, and its log says what it waits for. An operator that cannot start then,
 * as without its rights or its definition, ends; Kubernetes starts it again. Called by the
 * container.
 */
@Singleton
final class Start {
  private static final Logger LOG = LoggerFactory.getLogger(Start.class);
  private static final Duration BEAT = Duration.ofSeconds(2);

  /** The client's own retries take minutes, in silence. */
  private static final RequestConfig ONCE =
      new RequestConfigBuilder().withRequestRetryBackoffLimit(0).build();

  private final Operator operator;
  private final KubernetesClient client;
  private final Thread thread = Thread.ofPlatform().name("start").unstarted(this::run);
  private volatile boolean ending;

  Start(Operator operator, KubernetesClient client) {
    this.operator = operator;
    this.client = client;
  }

  void start(@Observes StartupEvent event) {
    thread.start();
  }

  void stop(@Observes ShutdownEvent event) {
    ending = true;
    thread.interrupt();
    operator.stop();
  }

  private void run() {
    try {
      awaitApiServer();
      operator.start();
      // It returns in peace also where stop() has cut it short.
      if (!ending) {
        LOG.info("Ready, with the API server at {}", client.getMasterUrl());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      if (!ending) {
        LOG.error("The operator cannot start, and ends: {}", root(e), e);
        Quarkus.asyncExit(1);
      }
    }
  }

  private void awaitApiServer() throws InterruptedException {
    String said = null;
    for (var problem = problem(); problem.isPresent(); problem = problem()) {
      if (!problem.get().equals(said)) {
        said = problem.get();
        LOG.warn("{} Not ready until it answers; asking again every {} s.", said, BEAT.toSeconds());
      }
      Thread.sleep(BEAT);
    }
  }

  /** Why the API server cannot be worked with, and what to look at; empty when it answers. */
  private Optional<String> problem() {
    try {
      client
          .adapt(NamespacedKubernetesClient.class)
          .withRequestConfig(ONCE)
          .call(once -> once.raw("/version"));
      return Optional.empty();
    } catch (KubernetesClientException e) {
      var lookAt = lookAt(e.getCode());
      return lookAt == null
          ? Optional.empty()
          : Optional.of(
              "The API server at %s does not answer: %s. Look at %s."
                  .formatted(client.getMasterUrl(), root(e), lookAt));
    }
  }

  /** Null for an answer that shows it at work, such as one that refuses the question. */
  private static @Nullable String lookAt(int code) {
    if (code < HttpURLConnection.HTTP_OK) { // the client's own: there was no answer
      return "whether pods of this node reach the Service kubernetes of namespace default"
          + " (kube-proxy, NetworkPolicies), and at HTTPS_PROXY and NO_PROXY";
    }
    if (code == HttpURLConnection.HTTP_UNAUTHORIZED) {
      return "the ServiceAccount of this pod, whose token is not accepted";
    }
    return code >= HttpURLConnection.HTTP_INTERNAL_ERROR ? "the API server's own log" : null;
  }

  private static String root(Throwable failure) {
    var cause = failure;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause.getMessage() == null ? cause.toString() : cause.getMessage();
  }
}
