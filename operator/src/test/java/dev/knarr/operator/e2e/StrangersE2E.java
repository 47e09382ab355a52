// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.testkit.kube.OneNodeCluster;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Who has no certificate of a cluster's authority cannot use its workers. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(RealCluster.class)
class StrangersE2E {
  /** HELLO of the RPC protocol: the command, a length of 24, and the client's capabilities. */
  private static final byte[] HELLO = new byte[1 + 8 + 24];

  static {
    HELLO[0] = 14;
    HELLO[1] = 24;
  }

  private ServedModel model;
  private String address;

  @BeforeAll
  void serve(OneNodeCluster kubernetes) {
    model =
        ServedModel.apply(
            kubernetes,
            "closed",
            "demo-model",
            "knarr-demo-q4_0.gguf",
            "workers: [{name: cpu, replicas: 1, backend: cpu}]");
    model.awaitReady();
    address = model.pods("worker").getFirst().getStatus().getPodIP();
  }

  @AfterAll
  void remove() {
    if (model != null) {
      model.delete();
    }
  }

  @Test
  void whenAStrangerSpeaksPlainly_thenNothingOfTheProtocolComesBack() throws IOException {
    try (var socket = new Socket(address, 50052)) {
      socket.setSoTimeout(30_000);
      socket.getOutputStream().write(HELLO);
      // An alert of TLS begins with 21; an answer to HELLO begins with its length, 24.
      assertThat(socket.getInputStream().read()).isIn(21, -1);
    }
  }

  @Test
  void whenAStrangerHasNoCertificate_thenTheWorkerEndsTheConnection()
      throws IOException, GeneralSecurityException {
    var context = SSLContext.getInstance("TLSv1.3");
    context.init(null, new TrustManager[] {new TrustsAll()}, null);
    try (var socket = context.getSocketFactory().createSocket(address, 50052)) {
      socket.setSoTimeout(30_000);
      assertThatThrownBy(
              () -> {
                socket.getOutputStream().write(HELLO);
                socket.getInputStream().read();
              })
          .isInstanceOf(SSLException.class)
          .hasMessageContaining("certificate");
    }
  }

  /** The stranger would talk to anybody. */
  private static final class TrustsAll extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
