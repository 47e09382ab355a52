// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Workers with certificates of {@code knarr certs}, and a cluster over them. */
@Timeout(300)
class SecuredIT {
  private static final Path MODEL =
      KnarrProcess.ROOT.resolve("docs/examples/models/knarr-demo-q8_0.gguf");
  private static final Pattern ENDPOINT = Pattern.compile("Ready after .* at (http://\\S+)");
  private static final String ANSWER = "Knarr runs one model across";

  @TempDir private static Path folder;

  @BeforeAll
  static void makeCertificates() {
    try (var knarr =
        KnarrProcess.start("certs", "127.0.0.1", "--out", folder.resolve("certs").toString())) {
      assertThat(knarr.awaitExit()).as(knarr.output()).isZero();
      assertThat(knarr.output())
          .contains("scp ")
          .contains("./knarr worker --host 0.0.0.0 --tls-cert 127.0.0.1.pem")
          .contains("--worker 127.0.0.1:50052 --tls-ca ");
    }
  }

  private static String cert(String file) {
    return folder.resolve("certs").resolve(file).toString();
  }

  private static Path cluster(String mode) throws IOException {
    return Files.writeString(
        folder.resolve(mode + ".yaml"),
        """
        apiVersion: knarr.dev/v1alpha1
        kind: InferenceCluster
        metadata: { name: secured }
        spec:
          model:
            name: demo
            source: { path: %s }
            contextLength: 1024
          split: { mode: %s }
          workers:
            - name: cpu
              replicas: 2
              backend: cpu
        """
            .formatted(MODEL, mode));
  }

  private static RunningWorker secured(String name) {
    return RunningWorker.start(
        folder,
        name,
        "--tls-cert",
        cert("127.0.0.1.pem"),
        "--tls-key",
        cert("127.0.0.1.key"),
        "--tls-client-ca",
        cert("ca.pem"));
  }

  private static KnarrProcess up(Path cluster, String first, String second, String... more) {
    var arguments = new ArrayList<>(List.of("up", cluster.toString(), "--port", "0"));
    arguments.addAll(List.of("--worker", first, "--worker", second));
    arguments.addAll(List.of(more));
    return KnarrProcess.start(arguments.toArray(String[]::new));
  }

  private static String[] tls() {
    return new String[] {
      "--tls-ca", cert("ca.pem"), "--tls-cert", cert("head.pem"), "--tls-key", cert("head.key")
    };
  }

  private static String ask(KnarrProcess knarr) throws IOException, InterruptedException {
    var matcher = ENDPOINT.matcher(knarr.awaitOutput("Ctrl-C stops everything").output());
    assertThat(matcher.find()).as("the endpoint in:%n%s", knarr.output()).isTrue();
    try (var client = HttpClient.newHttpClient()) {
      return client
          .send(
              HttpRequest.newBuilder(URI.create(matcher.group(1) + "/chat/completions"))
                  .timeout(Duration.ofMinutes(1))
                  .header("Content-Type", "application/json")
                  .POST(
                      HttpRequest.BodyPublishers.ofString(
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}],\"temperature\":0}"))
                  .build(),
              BodyHandlers.ofString())
          .body();
    }
  }

  @Nested
  class GivenWorkersThatDemandCertificates {
    @Test
    void whenAClusterRunsOverThem_thenItAnswers() throws Exception {
      try (var first = secured("first");
          var second = secured("second");
          var knarr = up(cluster("Layer"), first.rpc(), second.rpc(), tls())) {
        assertThat(ask(knarr)).contains(ANSWER);

        assertThat(first.metric("knarr_worker_tls_handshake_total", "done")).isPositive();
        assertThat(first.metric("knarr_worker_tls_certificate_remaining_seconds"))
            .isGreaterThan(390 * 86_400.0);
        try (var plan =
            KnarrProcess.start(
                "plan",
                cluster("Layer").toString(),
                "--worker",
                first.rpc(),
                "--worker",
                second.rpc(),
                "--tls-ca",
                cert("ca.pem"),
                "--tls-cert",
                cert("head.pem"),
                "--tls-key",
                cert("head.key"))) {
          assertThat(plan.awaitExit()).as(plan.output()).isZero();
          assertThat(plan.output()).contains("cpu-1/0");
        }
        knarr.terminate();
        knarr.awaitExit();
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenEveryTensorIsCut_thenTheyAddUpByTlsAndItAnswers() throws Exception {
      try (var first = secured("first");
          var second = secured("second");
          var knarr = up(cluster("Tensor"), first.rpc(), second.rpc(), tls())) {
        assertThat(ask(knarr)).contains(ANSWER);

        for (var worker : List.of(first, second)) {
          assertThat(worker.metric("knarr_worker_link_join_total", "done")).isPositive();
          assertThat(worker.metric("knarr_worker_rpc_frames_total", "comm_allreduce"))
              .isGreaterThan(10);
        }
        knarr.terminate();
        knarr.awaitExit();
      }
    }

    @Test
    void whenTheHeadHasNoCertificateOrIsPlain_thenTheSentenceSaysSo() throws Exception {
      try (var first = secured("first");
          var second = secured("second")) {
        try (var knarr =
            up(cluster("Layer"), first.rpc(), second.rpc(), "--tls-ca", cert("ca.pem"))) {
          assertThat(knarr.awaitExit()).isEqualTo(1);
          assertThat(knarr.output()).contains("wants a client certificate");
        }
        try (var knarr = up(cluster("Layer"), first.rpc(), second.rpc())) {
          assertThat(knarr.awaitExit()).isEqualTo(1);
          assertThat(knarr.output()).contains("speaks TLS").contains("--tls-ca");
        }
        // The head asks both at once, and leaves when one has said no.
        for (var reason : List.of("no_certificate", "plain_peer")) {
          assertThat(
                  first.metric("knarr_worker_tls_handshake_total", reason)
                      + second.metric("knarr_worker_tls_handshake_total", reason))
              .as(reason)
              .isPositive();
        }
      }
    }
  }

  @Nested
  class GivenPlainWorkers {
    @Test
    void whenTlsIsAskedFor_thenTheSentenceSaysSo() throws Exception {
      try (var first = RunningWorker.start(folder, "first");
          var second = RunningWorker.start(folder, "second");
          var knarr = up(cluster("Layer"), first.rpc(), second.rpc(), tls())) {
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("does not speak TLS");
      }
    }

    @Test
    void whenEveryTensorIsCutOverOneOfOursAndAStockOne_thenItAnswers() throws Exception {
      try (var ours = RunningWorker.start(folder, "ours");
          var stock = StockWorker.start()) {
        for (var order :
            List.of(List.of(ours.rpc(), stock.address()), List.of(stock.address(), ours.rpc()))) {
          double before = ours.metric("knarr_worker_rpc_frames_total", "comm_allreduce");
          try (var knarr = up(cluster("Tensor"), order.get(0), order.get(1))) {
            assertThat(ask(knarr)).contains(ANSWER);
            assertThat(ours.metric("knarr_worker_rpc_frames_total", "comm_allreduce"))
                .isGreaterThan(before + 10);
            knarr.terminate();
            knarr.awaitExit();
          }
        }
      }
    }
  }
}
