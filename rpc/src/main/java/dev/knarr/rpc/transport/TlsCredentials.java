// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.io.IOException;
import java.net.Socket;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * TLS 1.3 with certificates from files, which are read again when they change: new connections use
 * what is new, those that are open go on. Any thread.
 *
 * <p>A server that knows a CA demands a certificate of its clients; a client checks that the
 * server's certificate is of the CA and for the host it was told.
 */
public final class TlsCredentials implements Transport {
  /** Both are hardware's on every server; the first is the faster by a few per cent. */
  private static final String[] CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"};

  /**
   * A resumed session is not checked anew: no certificate is accepted longer than this past its
   * end.
   */
  private static final int SESSION_SECONDS = 600;

  private final TlsFiles files;
  private final Duration handshakeLimit;
  private final Renewal renewal;

  /** Guarded by this. */
  private Loaded loaded;

  /**
   * Guarded by this: the files as they were when they were last looked into, with success or not.
   */
  private List<Object> seen;

  private record Loaded(SSLContext context, Optional<Instant> expiry) {}

  /** Hears when files have changed. Called by the thread that needed them. */
  public interface Renewal {
    /** For those who do not live long enough to see any. */
    Renewal NONE =
        new Renewal() {
          @Override
          public void renewed() {}

          @Override
          public void failed(String why) {}
        };

    /** The new files are used from now on. */
    void renewed();

    /**
     * The new files cannot be used, and the old ones still are.
     *
     * @param why names the file and says what is wrong
     */
    void failed(String why);
  }

  private TlsCredentials(TlsFiles files, Duration handshakeLimit, Renewal renewal) {
    this.files = files;
    this.handshakeLimit = handshakeLimit;
    this.renewal = renewal;
    this.seen = List.of();
    this.loaded = readWhole();
  }

  /**
   * Reads the files.
   *
   * @param handshakeLimit how long a handshake may take
   * @throws TlsFileException when one cannot be used
   */
  public static TlsCredentials load(TlsFiles files, Duration handshakeLimit, Renewal renewal) {
    return new TlsCredentials(files, handshakeLimit, renewal);
  }

  /** Whether peers must show a certificate of a CA that we know. */
  public boolean hasAuthority() {
    return files.authority() != null;
  }

  /** When our certificate, or one of those that lead to the CA, ends; empty when we have none. */
  public Optional<Instant> expiry() {
    return current().expiry;
  }

  private synchronized Loaded current() {
    if (!stamps().equals(seen)) {
      try {
        loaded = readWhole();
        renewal.renewed();
      } catch (TlsFileException e) {
        renewal.failed(String.valueOf(e.getMessage()));
      }
    }
    return loaded;
  }

  /** What changes with the files, also when a link is turned to others, as Kubernetes does. */
  private List<Object> stamps() {
    var stamps = new ArrayList<Object>();
    for (Path file : new @Nullable Path[] {files.certificate(), files.key(), files.authority()}) {
      if (file != null) {
        try {
          var found = Files.readAttributes(file, BasicFileAttributes.class);
          stamps.add(
              List.of(found.lastModifiedTime(), found.size(), String.valueOf(found.fileKey())));
        } catch (IOException e) {
          stamps.add("missing");
        }
      }
    }
    return stamps;
  }

  /** Reads files that belong together: they may be swapped between one and the next. */
  private Loaded readWhole() {
    while (true) {
      seen = stamps();
      try {
        var whole = read();
        if (stamps().equals(seen)) {
          return whole;
        }
      } catch (TlsFileException e) {
        if (stamps().equals(seen)) {
          throw e;
        }
      }
    }
  }

  private Loaded read() {
    try {
      var own = KeyStore.getInstance("PKCS12");
      own.load(null, null);
      Optional<Instant> expiry = Optional.empty();
      var certificate = files.certificate();
      var key = files.key();
      if (certificate != null && key != null) {
        var chain = PemFile.certificates(certificate);
        own.setKeyEntry(
            "own",
            PemFile.key(key, chain.getFirst()),
            new char[0],
            chain.toArray(X509Certificate[]::new));
        expiry = chain.stream().map(c -> c.getNotAfter().toInstant()).min(Instant::compareTo);
      }
      var keys = KeyManagerFactory.getInstance("PKIX");
      keys.init(own, new char[0]);
      var trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, null);
      var authority = files.authority();
      if (authority != null) {
        for (var ca : PemFile.certificates(authority)) {
          trusted.setCertificateEntry("ca-" + trusted.size(), ca);
        }
      }
      var context = SSLContext.getInstance("TLSv1.3");
      var trust = TrustManagerFactory.getInstance("PKIX");
      trust.init(trusted);
      // Without a CA of ours the JDK's default would be those of the web.
      context.init(
          keys.getKeyManagers(), authority == null ? null : trust.getTrustManagers(), null);
      context.getServerSessionContext().setSessionTimeout(SESSION_SECONDS);
      context.getClientSessionContext().setSessionTimeout(SESSION_SECONDS);
      return new Loaded(context, expiry);
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("This JVM has no TLS 1.3 with PKIX", e);
    }
  }

  @Override
  public ByteChannel accepted(SocketChannel socket) throws IOException {
    var engine = current().context.createSSLEngine();
    engine.setUseClientMode(false);
    engine.setNeedClientAuth(hasAuthority());
    return shaken(socket, engine);
  }

  @Override
  public ByteChannel connected(SocketChannel socket, String host, int port) throws IOException {
    var engine = current().context.createSSLEngine(host, port);
    engine.setUseClientMode(true);
    var parameters = engine.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    engine.setSSLParameters(parameters);
    return shaken(socket, engine);
  }

  private TlsChannel shaken(SocketChannel socket, SSLEngine engine) throws IOException {
    engine.setEnabledProtocols(new String[] {"TLSv1.3"});
    engine.setEnabledCipherSuites(CIPHERS);
    var late = new AtomicBoolean();
    var alarm =
        CompletableFuture.runAsync(
            () -> end(socket, late),
            CompletableFuture.delayedExecutor(handshakeLimit.toMillis(), TimeUnit.MILLISECONDS));
    try {
      var channel = TlsChannel.over(socket, engine);
      channel.handshake();
      return channel;
    } catch (ClosedChannelException e) {
      throw late.get() ? TlsException.late(handshakeLimit) : e;
    } finally {
      alarm.cancel(false);
    }
  }

  private static void end(SocketChannel socket, AtomicBoolean late) {
    late.set(true);
    try (Socket ended = socket.socket()) {
      ended.setSoLinger(true, 0);
    } catch (IOException _) {
      // Closing is all that can be done to end the wait.
    }
  }
}
