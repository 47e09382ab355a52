// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import static java.net.HttpURLConnection.HTTP_INTERNAL_ERROR;
import static java.net.HttpURLConnection.HTTP_OK;
import static java.net.HttpURLConnection.HTTP_UNAUTHORIZED;

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
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLException;
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
        LOG.error("The operator cannot start, and ends: {}", ApiWords.ofRoot(e), e);
        Quarkus.asyncExit(1);
      }
    }
  }

  private void awaitApiServer() throws InterruptedException {
    var said = "";
    for (var failure = failure(); failure.isPresent(); failure = failure()) {
      var lookAt = lookAt(failure.get());
      if (!lookAt.equals(said)) {
        said = lookAt;
        LOG.warn(
            "The API server at {} does not serve the operator: {}. Look at {}. Not ready until it"
                + " does; asking again every {} s.",
            client.getMasterUrl(),
            ApiWords.ofRoot(failure.get()),
            lookAt,
            BEAT.toSeconds());
      }
      Thread.sleep(BEAT);
    }
  }

  /** Empty also for an answer that refuses the question: it shows the API server at work. */
  private Optional<KubernetesClientException> failure() {
    try {
      client
          .adapt(NamespacedKubernetesClient.class)
          .withRequestConfig(ONCE)
          .call(once -> once.raw("/version"));
      return Optional.empty();
    } catch (KubernetesClientException e) {
      int code = e.getCode();
      return hasAnswered(code) && code < HTTP_INTERNAL_ERROR && code != HTTP_UNAUTHORIZED
          ? Optional.empty()
          : Optional.of(e);
    }
  }

  /** The client gives codes below those of answers where there was none. */
  private static boolean hasAnswered(int code) {
    return code >= HTTP_OK;
  }

  private static String lookAt(KubernetesClientException failure) {
    if (failure.getCode() == HTTP_UNAUTHORIZED) {
      return "the ServiceAccount of this pod, whose token is not accepted";
    }
    if (hasAnswered(failure.getCode())) {
      return "the API server's own log";
    }
    if (isOfTls(failure)) {
      return "what is behind that address: its certificate is not of the cluster's authority (ca.crt"
          + " of the ServiceAccount)";
    }
    return "whether pods of this node reach the Service kubernetes of namespace default"
        + " (kube-proxy, NetworkPolicies), and at HTTPS_PROXY and NO_PROXY";
  }

  private static boolean isOfTls(Throwable failure) {
    for (var cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SSLException) {
        return true;
      }
    }
    return false;
  }
}
