// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.knarr.certs.Leaf;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFault;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.testkit.peers.TestAuthority;
import dev.knarr.testkit.peers.TestAuthority.Issued;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyPairGenerator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The RPC port with TLS: who is served, who is refused, and what either is told. */
class TlsTest {
  @TempDir private static Path folder;

  private static TestAuthority authority;
  private static TestAuthority stranger;
  private static Issued server;
  private static Issued client;

  @BeforeAll
  static void issue() {
    authority = TestAuthority.make(folder, "ca");
    stranger = TestAuthority.make(folder, "strange-ca");
    server = authority.issue("server");
    client = authority.issue("client");
  }

  private static Transport trusting(TestAuthority trusted, @Nullable Issued own) {
    return TlsCredentials.load(
        new TlsFiles(
            own == null ? null : own.certificate(),
            own == null ? null : own.key(),
            trusted.certificate()),
        Duration.ofSeconds(10),
        TlsCredentials.Renewal.NONE);
  }

  private static TestConfig with(Issued certificate) {
    return TestConfig.withDevices("CPU").withTls(certificate.certificate(), certificate.key());
  }

  private static TestConfig demanding() {
    return with(server).withClientCa(authority.certificate());
  }

  private static long handshakes(RunningWorker worker, String result) {
    return worker.count(WorkerMetrics.HANDSHAKES, "result", result);
  }

  /** Of TLS 1.3 a client is done before the server has seen its certificate: the no comes later. */
  private static TlsException refusal(RunningWorker worker, String host, Transport transport) {
    return catchThrowableOfType(
        TlsException.class, () -> RawClient.to(worker.port(), host, transport).close());
  }

  private static void awaitCounted(RunningWorker worker, TlsFault fault) {
    await("the refusal is counted as " + fault)
        .atMost(Duration.ofSeconds(10))
        .until(() -> handshakes(worker, fault.metricName()) == 1);
  }

  @Nested
  class GivenAWorkerThatDemandsCertificates {
    @Test
    void whenAClientHasOne_thenItIsServed() throws IOException {
      try (var worker = RunningWorker.configured(demanding());
          var served = RawClient.to(worker.port(), "localhost", trusting(authority, client))) {
        assertThat(served.sum(0, 2, 3)).isEqualTo(5);

        assertThat(handshakes(worker, "done")).isOne();
        assertThat(worker.gauge(WorkerMetrics.CERTIFICATE_REMAINING))
            .isBetween(19 * 86_400.0, 20 * 86_400.0);
      }
    }

    @Test
    void whenMuchDataIsMoved_thenItArrivesAsItWas() throws IOException {
      try (var worker = RunningWorker.configured(demanding());
          var served = RawClient.to(worker.port(), "127.0.0.1", trusting(authority, client))) {
        int bytes = 33 << 20;
        var buffer = served.allocate(0, bytes);
        var tensor = served.f32(buffer, 0, bytes / Float.BYTES, 1).build();
        var data = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < bytes; i += Integer.BYTES) {
          data.putInt(i, i * 31);
        }

        served.write(tensor, data.duplicate());

        assertThat(served.readBytes(tensor).mismatch(data.duplicate())).isEqualTo(-1);
      }
    }

    @Test
    void whenAClientHasNone_thenItIsRefusedCountedAndToldSo() {
      try (var worker = RunningWorker.configured(demanding())) {
        var refusal = refusal(worker, "localhost", trusting(authority, null));

        assertThat(refusal.fault()).isEqualTo(TlsFault.NO_CERTIFICATE);
        assertThat(refusal).hasMessageContaining("--tls-cert and --tls-key");
        awaitCounted(worker, TlsFault.NO_CERTIFICATE);
      }
    }

    @Test
    void whenAClientsCertificateIsOfAnotherCa_thenItIsRefusedAndCounted() {
      var issued = stranger.issue("stranger");
      try (var worker = RunningWorker.configured(demanding())) {
        var refusal = refusal(worker, "localhost", trusting(authority, issued));

        assertThat(refusal).isNotNull();
        assertThat(refusal.fault()).isIn(TlsFault.REFUSED_BY_PEER, TlsFault.NO_CERTIFICATE);
        await("the refusal is counted")
            .atMost(Duration.ofSeconds(10))
            .until(
                () ->
                    handshakes(worker, "unknown_authority") + handshakes(worker, "no_certificate")
                        == 1);
      }
    }

    @Test
    void whenAClientsCertificateHasExpired_thenItIsRefusedAndCounted() {
      var issued = authority.issueExpired("late-client");
      try (var worker = RunningWorker.configured(demanding())) {
        var refusal = refusal(worker, "localhost", trusting(authority, issued));

        assertThat(refusal.fault()).isEqualTo(TlsFault.REFUSED_BY_PEER);
        awaitCounted(worker, TlsFault.EXPIRED);
      }
    }

    @Test
    void whenACertificateIsForServersOnly_thenNoClientMayUseIt() {
      var issued =
          authority.issue(
              new Leaf(
                  "server-only",
                  List.of("localhost"),
                  List.of("127.0.0.1"),
                  Set.of(Leaf.Use.SERVER),
                  TestAuthority.LIFE));
      try (var worker = RunningWorker.configured(demanding())) {
        assertThat(refusal(worker, "localhost", trusting(authority, issued))).isNotNull();

        awaitCounted(worker, TlsFault.WRONG_USE);
      }
    }

    @Test
    void whenAClientIsPlain_thenBothSidesSaySo() {
      try (var worker = RunningWorker.configured(demanding())) {
        assertThatThrownBy(() -> RawClient.to(worker.port()))
            .isInstanceOf(RpcProtocolException.class)
            .hasMessageContaining("speaks TLS and this side does not");

        awaitCounted(worker, TlsFault.PLAIN_PEER);
      }
    }

    @Test
    void whenAClientSaysNothing_thenItIsClosedWithinTheLimitAndOthersAreServed()
        throws IOException {
      try (var worker = RunningWorker.configured(demanding());
          var silent = RawClient.silent(worker.port());
          var served = RawClient.to(worker.port(), "localhost", trusting(authority, client))) {
        assertThat(served.sum(0, 2, 3)).isEqualTo(5);

        silent.awaitClosed();

        await("the silent client is counted")
            .atMost(Duration.ofSeconds(10))
            .until(() -> handshakes(worker, "timeout") + handshakes(worker, "gone") == 1);
      }
    }

    @Test
    void whenAClientSendsHalfAHandshake_thenItIsClosedWithinTheLimit() throws IOException {
      try (var worker = RunningWorker.configured(demanding());
          var slow = RawClient.silent(worker.port())) {
        slow.sendBytes(new byte[] {0x16, 3, 1, 2, 0, 1});

        slow.awaitClosed();

        await("the slow client is counted")
            .atMost(Duration.ofSeconds(10))
            .until(() -> handshakes(worker, "timeout") + handshakes(worker, "gone") == 1);
      }
    }

    @Test
    void whenAClientSendsGarbage_thenItIsClosedAndOthersAreServed() throws IOException {
      try (var worker = RunningWorker.configured(demanding());
          var liar = RawClient.silent(worker.port())) {
        byte[] garbage = new byte[4096];
        garbage[0] = 0x16;
        garbage[1] = 3;
        garbage[2] = 3;
        garbage[3] = 8;
        liar.sendBytes(garbage);
        liar.awaitClosed();

        try (var served = RawClient.to(worker.port(), "localhost", trusting(authority, client))) {
          assertThat(served.sum(0, 2, 3)).isEqualTo(5);
        }
      }
    }

    @Test
    void whenAClientLeavesDuringTheHandshake_thenItIsCounted() throws IOException {
      try (var worker = RunningWorker.configured(demanding())) {
        try (var leaving = RawClient.silent(worker.port())) {
          leaving.sendBytes(new byte[] {0x16, 3, 1});
        }

        awaitCounted(worker, TlsFault.GONE);
      }
    }

    @Test
    void whenManyConnectAtOnce_thenAllAreServed() throws IOException {
      var clients = new ArrayList<RawClient>();
      try (var worker = RunningWorker.configured(demanding())) {
        var transport = trusting(authority, client);
        for (int i = 0; i < 12; i++) {
          clients.add(RawClient.to(worker.port(), "localhost", transport));
        }
        for (var served : clients) {
          assertThat(served.sum(0, 2, 3)).isEqualTo(5);
        }
        for (var served : clients) {
          served.close();
        }
      }
    }
  }

  @Nested
  class GivenAClientThatLooksAtTheWorkersCertificate {
    @Test
    void whenItsCaIsUnknown_thenTheSentenceSaysSo() {
      try (var worker = RunningWorker.configured(with(server))) {
        var refusal = refusal(worker, "localhost", trusting(stranger, null));

        assertThat(refusal.fault()).isEqualTo(TlsFault.UNKNOWN_AUTHORITY);
        assertThat(refusal).hasMessageContaining("not signed by the CA in --tls-ca");
        awaitCounted(worker, TlsFault.REFUSED_BY_PEER);
      }
    }

    @Test
    void whenItHasExpired_thenTheSentenceSaysSo() {
      var late = authority.issueExpired("late");
      try (var worker = RunningWorker.configured(with(late))) {
        var refusal = refusal(worker, "localhost", trusting(authority, null));

        assertThat(refusal.fault()).isEqualTo(TlsFault.EXPIRED);
        assertThat(refusal).hasMessageContaining("is expired").hasMessageContaining("Renew it");
        assertThat(worker.gauge(WorkerMetrics.CERTIFICATE_REMAINING)).isNegative();
      }
    }

    @Test
    void whenItIsForAnotherHost_thenTheSentenceSaysSo() {
      try (var worker = RunningWorker.configured(with(server))) {
        var refusal = refusal(worker, "gpu-box", trusting(authority, null));

        assertThat(refusal.fault()).isEqualTo(TlsFault.WRONG_HOST);
        assertThat(refusal).hasMessageContaining("not for gpu-box");
      }
    }

    @Test
    void whenItIsForAllHostsOfADomain_thenThoseOfTheDomainAreServedOnly() throws IOException {
      var pods =
          authority.issue(
              Leaf.ofPeer("pods", List.of("*.glm-cpu.models.svc"), List.of(), TestAuthority.LIFE));
      try (var worker = RunningWorker.configured(with(pods));
          var served =
              RawClient.to(
                  worker.port(), "glm-cpu-0.glm-cpu.models.svc", trusting(authority, null))) {
        assertThat(served.sum(0, 2, 3)).isEqualTo(5);

        for (var other : List.of("glm-cpu-0.glm-cpu.other.svc", "a.b.glm-cpu.models.svc")) {
          assertThat(refusal(worker, other, trusting(authority, null)).fault())
              .isEqualTo(TlsFault.WRONG_HOST);
        }
      }
    }

    @Test
    void whenTheWorkerIsPlain_thenBothSidesSaySo() {
      try (var worker = RunningWorker.with("CPU")) {
        var refusal = refusal(worker, "localhost", trusting(authority, null));

        assertThat(refusal.fault()).isEqualTo(TlsFault.PLAIN_PEER);
        assertThat(refusal).hasMessageContaining("--tls-cert and --tls-key");
        await("the worker has refused it")
            .atMost(Duration.ofSeconds(10))
            .until(
                () ->
                    worker.count(
                            WorkerMetrics.REJECTED,
                            "fault",
                            ProtocolFault.HELLO_EXPECTED.metricName())
                        == 1);
      }
    }

    @Test
    void whenTheWorkersKeyIsRsa_thenItIsServed() throws Exception {
      var generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(2048);
      var rsa = authority.issue("rsa", generator.generateKeyPair());
      try (var worker = RunningWorker.configured(with(rsa));
          var served = RawClient.to(worker.port(), "localhost", trusting(authority, null))) {
        assertThat(served.sum(0, 2, 3)).isEqualTo(5);
      }
    }
  }

  @Nested
  class GivenFilesThatChange {
    @TempDir private Path own;

    private Path certificate() {
      return own.resolve("tls.pem");
    }

    private Path key() {
      return own.resolve("tls.key");
    }

    private TestConfig copied(Issued issued) throws IOException {
      put(issued);
      return TestConfig.withDevices("CPU").withTls(certificate(), key());
    }

    private void put(Issued issued) throws IOException {
      Files.copy(issued.certificate(), certificate(), StandardCopyOption.REPLACE_EXISTING);
      Files.copy(issued.key(), key(), StandardCopyOption.REPLACE_EXISTING);
    }

    private static long renewals(RunningWorker worker, String result) {
      return worker.count(WorkerMetrics.CERTIFICATE_RENEWALS, "result", result);
    }

    @Test
    void whenTheyAreRenewed_thenNewConnectionsUseThemAndOpenOnesGoOn() throws IOException {
      var next = stranger.issue("next");
      try (var worker = RunningWorker.configured(copied(server));
          var before = RawClient.to(worker.port(), "localhost", trusting(authority, null))) {
        put(next);

        try (var after = RawClient.to(worker.port(), "localhost", trusting(stranger, null))) {
          assertThat(after.sum(0, 2, 3)).isEqualTo(5);
        }
        assertThat(refusal(worker, "localhost", trusting(authority, null)).fault())
            .isEqualTo(TlsFault.UNKNOWN_AUTHORITY);
        assertThat(before.sum(0, 2, 3)).isEqualTo(5);
        assertThat(renewals(worker, "done")).isOne();
        assertThat(renewals(worker, "failed")).isZero();
      }
    }

    @Test
    void whenANewFileIsBroken_thenTheOldOnesStayAndItIsCounted() throws IOException {
      try (var worker = RunningWorker.configured(copied(server))) {
        Files.writeString(certificate(), "-----BEGIN CERTIFICATE-----\nhalf of it");

        for (int i = 0; i < 2; i++) {
          try (var served = RawClient.to(worker.port(), "localhost", trusting(authority, null))) {
            assertThat(served.sum(0, 2, 3)).isEqualTo(5);
          }
        }
        assertThat(renewals(worker, "failed")).isOne();

        put(server);
        try (var served = RawClient.to(worker.port(), "localhost", trusting(authority, null))) {
          assertThat(served.sum(0, 2, 3)).isEqualTo(5);
        }
        assertThat(renewals(worker, "done")).isOne();
      }
    }

    @Test
    void whenOnlyTheCertificateIsNew_thenTheOldPairStays() throws IOException {
      try (var worker = RunningWorker.configured(copied(server))) {
        Files.copy(client.certificate(), certificate(), StandardCopyOption.REPLACE_EXISTING);

        try (var served = RawClient.to(worker.port(), "localhost", trusting(authority, null))) {
          assertThat(served.sum(0, 2, 3)).isEqualTo(5);
        }
        assertThat(renewals(worker, "failed")).isOne();
      }
    }
  }

  @Nested
  class GivenOptionsThatCannotBe {
    private void refused(TestConfig config, String sentence) {
      assertThatThrownBy(() -> RunningWorker.configured(config))
          .isInstanceOf(WorkerStartException.class)
          .hasMessageContaining(sentence);
    }

    @Test
    void whenAFileIsMissing_thenTheWorkerSaysWhich() {
      refused(
          TestConfig.withDevices("CPU").withTls(folder.resolve("none.pem"), server.key()),
          "none.pem does not exist");
    }

    @Test
    void whenTheKeyIsAnothers_thenTheWorkerSaysSo() {
      refused(
          TestConfig.withDevices("CPU").withTls(server.certificate(), client.key()),
          "client.key belongs to another certificate");
    }

    @Test
    void whenThereIsAClientCaOnly_thenTheWorkerSaysSo() {
      refused(
          TestConfig.withDevices("CPU").withClientCa(authority.certificate()),
          "--tls-client-ca goes with --tls-cert and --tls-key");
    }

    @Test
    void whenAFileIsNoPem_thenTheWorkerSaysSo() throws IOException {
      var model = Files.write(folder.resolve("odd.pem"), List.of("GGUF", "and so on"));
      refused(
          TestConfig.withDevices("CPU").withTls(model, server.key()),
          "holds no certificate in PEM");
    }
  }
}
