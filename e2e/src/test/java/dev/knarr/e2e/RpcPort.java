// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import dev.knarr.certs.KeyedCertificate;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** The port of a worker's pod that heads use, as somebody sees it who can reach it. */
record RpcPort(Kubernetes kubernetes, String pod) {
  /** How long an answer to HELLO is: a version and capabilities. */
  static final int ANSWER = 28;

  private static final int CAPABILITIES = 24;

  /** HELLO of the RPC protocol: the command, a length, and the client's capabilities. */
  private static final byte[] HELLO = new byte[1 + 8 + CAPABILITIES];

  private static final int PORT = 50052;
  private static final int TIMEOUT_MILLIS = 30_000;

  static {
    HELLO[0] = 14;
    HELLO[1] = CAPABILITIES;
  }

  /** Says HELLO in plain text; returns the first byte that comes back, or -1. */
  int helloPlainly() throws IOException {
    try (var way = kubernetes.toPod(pod, PORT);
        var socket = new Socket(way.host(), way.port())) {
      return hello(socket);
    }
  }

  /** The same through TLS, without a certificate. */
  int hello() throws IOException, GeneralSecurityException {
    return hello(new KeyManager[0]);
  }

  /** The same with a certificate. */
  int hello(KeyedCertificate own) throws IOException, GeneralSecurityException {
    var password = new char[0];
    var store = KeyStore.getInstance("PKCS12");
    store.load(null, password);
    store.setKeyEntry("own", own.key(), password, new Certificate[] {own.certificate()});
    var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, password);
    return hello(factory.getKeyManagers());
  }

  private int hello(KeyManager[] keys) throws IOException, GeneralSecurityException {
    try (var way = kubernetes.toPod(pod, PORT);
        var socket = connect(way, keys)) {
      return hello(socket);
    }
  }

  /** What the worker shows. */
  X509Certificate certificate() throws IOException, GeneralSecurityException {
    try (var way = kubernetes.toPod(pod, PORT);
        var socket = connect(way, new KeyManager[0])) {
      socket.startHandshake();
      return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    }
  }

  private static SSLSocket connect(Kubernetes.Way way, KeyManager[] keys)
      throws IOException, GeneralSecurityException {
    var context = SSLContext.getInstance("TLSv1.3");
    context.init(keys, new TrustManager[] {new TrustsAll()}, null);
    var socket = (SSLSocket) context.getSocketFactory().createSocket(way.host(), way.port());
    socket.setSoTimeout(TIMEOUT_MILLIS);
    return socket;
  }

  private static int hello(Socket socket) throws IOException {
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.getOutputStream().write(HELLO);
    return socket.getInputStream().read();
  }

  /** A stranger would talk to anybody. */
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
