// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.certs.Authority;
import dev.knarr.certs.KeyedCertificate;
import dev.knarr.certs.Leaf;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Who has no certificate of a cluster's authority cannot use its workers. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(RealCluster.class)
class StrangersE2E {
  /** Alerts of TLS begin with it. */
  private static final int ALERT = 21;

  private static final Pattern HANDSHAKES =
      Pattern.compile("knarr_worker_tls_handshake_total\\{.*result=\"(\\w+)\".*}");

  private Kubernetes kubernetes;
  private ServedModel model;
  private RpcPort worker;

  @BeforeAll
  void serve(Kubernetes running) {
    kubernetes = running;
    worker = new RpcPort(kubernetes, "closed-cpu-0");
    model =
        ServedModel.apply(
            kubernetes, "closed", "workers: [{name: cpu, replicas: 1, backend: cpu}]");
    model.awaitReady();
  }

  @AfterAll
  void remove() {
    if (model != null) {
      model.delete();
    }
  }

  @Test
  void whenAStrangerSpeaksPlainly_thenNothingOfTheProtocolComesBack() throws IOException {
    assertThat(worker.helloPlainly()).isIn(ALERT, -1);
  }

  @Test
  void whenAStrangerHasNoCertificate_thenTheWorkerEndsTheConnection() throws Exception {
    assertThatThrownBy(worker::hello).isInstanceOf(IOException.class);
    assertThat(refusals()).contains("no_certificate");
  }

  @Test
  void whenAStrangersCertificateIsOfAnotherAuthority_thenTheWorkerEndsTheConnection()
      throws Exception {
    // All that a certificate says can be made up, but for who has signed it.
    var other = Authority.make("Knarr CA of closed", Instant.now(), Duration.ofDays(1));
    var stranger = other.issue(Leaf.ofClient("closed-head", Duration.ofHours(1)), Instant.now());

    assertThatThrownBy(() -> worker.hello(stranger)).isInstanceOf(IOException.class);
    assertThat(refusals()).contains("unknown_authority");
  }

  @Test
  void whenItIsTheHeadsCertificate_thenTheWorkerAnswers() throws Exception {
    var head =
        KeyedCertificate.parse(
            kubernetes.secret("closed-tls", "head.crt"),
            kubernetes.secret("closed-tls", "head.key"));

    assertThat(worker.hello(head)).isEqualTo(RpcPort.ANSWER);
  }

  /** Results of TLS handshakes in the worker's metrics. */
  private List<String> refusals() throws IOException, InterruptedException {
    return HANDSHAKES
        .matcher(kubernetes.metrics("closed-cpu-0"))
        .results()
        .map(line -> line.group(1))
        .toList();
  }
}
