// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.certs.Pem;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Certificates that live for minutes, while an answer is streamed. */
@Tag(RealCluster.LONG)
@ExtendWith(RealCluster.class)
class RenewalE2E {
  private static final int RENEWALS = 2;
  private static final Duration LIMIT = Duration.ofMinutes(12);

  private Kubernetes kubernetes;
  private ServedModel model;

  @BeforeEach
  void serve(Kubernetes running) {
    kubernetes = running;
    kubernetes.upgradeOperator(
        "env[0].name=KNARR_OPERATOR_TLS_CA_LIFETIME",
        "env[0].value=3m",
        "env[1].name=KNARR_OPERATOR_TLS_LEAF_LIFETIME",
        "env[1].value=3m");
    model =
        ServedModel.apply(
            kubernetes,
            "renewed",
            // An answer without end.
            "head: {args: [--context-shift]}, workers: [{name: cpu, replicas: 2, backend: cpu}]");
    model.awaitReady();
  }

  @AfterEach
  void remove() {
    if (model != null) {
      model.delete();
    }
    kubernetes.rollBackOperator();
  }

  @Test
  void whenEachCertificateIsRenewedTwice_thenNothingRestartsAndNoStreamBreaks() throws Exception {
    var pods = pods();
    var certificates = new TreeMap<String, Set<String>>();
    var firstEnd = certificate("renewed-ca", "ca.crt").getNotAfter().toInstant();
    int tokens;
    try (var stream = model.stream(Integer.MAX_VALUE)) {
      await("the stream to run").atMost(LIMIT).until(() -> stream.tokens() > 0);
      var since = Instant.now();
      await("all certificates to be renewed twice")
          .atMost(LIMIT)
          .pollInterval(Duration.ofSeconds(2))
          // What breaks meanwhile ends the wait.
          .until(
              () -> {
                look(certificates);
                assertThat(stream.runs()).as("the stream after %s", certificates).isTrue();
                assertThat(model.ready()).as("Ready after %s", certificates).isTrue();
                return certificates.values().stream().allMatch(seen -> seen.size() > RENEWALS)
                    // What the connections of this stream were made with is worth nothing then.
                    && Instant.now().isAfter(firstEnd);
              });
      ServedModel.report(
          "%s were renewed %s times, and the first CA has ended, after"
              .formatted(
                  certificates.keySet(),
                  certificates.values().stream().map(seen -> seen.size() - 1).toList()),
          since);
      await("the workers to show the newest")
          .atMost(LIMIT)
          .untilAsserted(
              () -> {
                for (var worker : List.of("renewed-cpu-0", "renewed-cpu-1")) {
                  assertThat(new RpcPort(kubernetes, worker).certificate())
                      .isEqualTo(certificate("renewed-tls", "cpu.crt"));
                }
              });
      int before = stream.tokens();
      await("more of the answer").atMost(LIMIT).until(() -> stream.tokens() > before);
      assertThat(stream.runs()).isTrue();
      tokens = stream.tokens();
    }
    System.out.printf("One stream of %d tokens meanwhile%n", tokens);
    assertThat(pods()).isEqualTo(pods);

    // Now the head has to connect with what it has read meanwhile, to a new worker and an old one.
    kubernetes.kubectl("delete", "pod/renewed-cpu-0", "--wait=false");
    model.awaitTrouble(ConditionReason.WORKER_LOST, "cpu-0");
    model.awaitReady();
    assertThat(model.answer()).contains(ServedModel.RIGHT);
  }

  private void look(Map<String, Set<String>> certificates) {
    for (var entry :
        Map.of("ca.crt", "renewed-ca", "head.crt", "renewed-tls", "cpu.crt", "renewed-tls")
            .entrySet()) {
      certificates
          .computeIfAbsent(entry.getKey(), _ -> new LinkedHashSet<>())
          .add(certificate(entry.getValue(), entry.getKey()).getSerialNumber().toString(16));
    }
  }

  private X509Certificate certificate(String secret, String key) {
    return Pem.certificates(kubernetes.secret(secret, key)).getFirst();
  }

  /** Each pod with how often its containers were started again. */
  private Map<String, Integer> pods() {
    var pods = new TreeMap<String, Integer>();
    for (var pod : model.pods()) {
      pods.put(
          pod.getMetadata().getUid(),
          pod.getStatus().getContainerStatuses().stream()
              .mapToInt(status -> status.getRestartCount())
              .sum());
    }
    return pods;
  }
}
